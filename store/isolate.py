"""Finds the items that spoil a batch. Pure; knows no record and no log."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TypeVar

T = TypeVar("T")


def unfit(items: Sequence[T], fits: Callable[[Sequence[T]], bool]) -> list[T]:
    """Return the items that do not fit even alone, by halving; about 2 log2(n) tries for one of n.

    `fits` says whether some items can be taken together.
    """
    if not items or fits(items):
        return []
    if len(items) == 1:
        return [items[0]]
    half = len(items) // 2
    return unfit(items[:half], fits) + unfit(items[half:], fits)
