"""What counts as the same value. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

_EDGES = " \t\r\n\"'`.,;:!"


def normal(line: str) -> str:
    """Return a text without case, repeated blanks, and quotes or punctuation at its ends."""
    return " ".join(line.casefold().split()).strip(_EDGES)


def agreement(reference: Any, candidate: Any) -> float:
    """Return the share, in [0, 1], of two JSON values that is the same.

    Objects: the mean over the keys of either, so that a missing and an extra key each count as wrong;
    nested values count in proportion. Arrays: the mean over positions of the longer. Texts are equal
    when their normal forms are, numbers when their values are; true is not 1.
    """
    if isinstance(reference, dict) and isinstance(candidate, dict):
        keys = reference.keys() | candidate.keys()
        return _mean([_member(reference, candidate, key) for key in sorted(keys)])
    if isinstance(reference, list) and isinstance(candidate, list):
        longer = max(len(reference), len(candidate))
        shared = [agreement(a, b) for a, b in zip(reference, candidate, strict=False)]
        return _mean([*shared, *[0.0] * (longer - len(shared))])
    return float(_same(reference, candidate))


def _member(reference: dict[str, Any], candidate: dict[str, Any], key: str) -> float:
    if key not in reference or key not in candidate:
        return 0.0
    return agreement(reference[key], candidate[key])


def _same(a: Any, b: Any) -> bool:
    if isinstance(a, str) and isinstance(b, str):
        return normal(a) == normal(b)
    if isinstance(a, bool) or isinstance(b, bool):
        return a is b
    return bool(a == b)


def _mean(values: Sequence[float]) -> float:
    return sum(values) / len(values) if values else 1.0
