"""How slices are named, and what a rollout's list of them means. Knows no request: gateways say what a call's slices are."""

from __future__ import annotations

from collections.abc import Iterable

_BETWEEN = ":"


def dimension(name: str) -> str:
    """Give the dimension of a slice, or of a dimension's own name."""
    return name.partition(_BETWEEN)[0]


def dimensions(slicers: Iterable[str]) -> tuple[str, ...]:
    """Give what must be known of each request: the dimensions that are named, and those of the slices that are."""
    return tuple(dict.fromkeys(dimension(name) for name in slicers))


def declared(slicers: Iterable[str]) -> tuple[str, ...]:
    """Give the slices that are named themselves."""
    return tuple(dict.fromkeys(name for name in slicers if is_slice(name)))


def is_slice(name: str) -> bool:
    """Say whether a name has a dimension and a value."""
    before, between, value = name.partition(_BETWEEN)
    return bool(before and between and value)
