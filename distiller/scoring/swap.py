"""What two looks at the same two answers say, the order swapped. Pure: knows no judge."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True, slots=True)
class Look:
    """What a judge gave the answer shown first and the one shown second, each in [0, 1]."""

    first: float
    second: float


@dataclass(frozen=True, kw_only=True, slots=True)
class Compared:
    """Two answers after both looks. `position` is what standing first was worth, in [-1, 1]; 0 for a fair judge."""

    one: float
    other: float
    position: float


def both(one_first: Look, other_first: Look) -> Compared:
    """Average over both orders: what a judge gives to a place goes to both answers alike."""
    return Compared(
        one=(one_first.first + other_first.second) / 2,
        other=(one_first.second + other_first.first) / 2,
        position=((one_first.first - one_first.second) + (other_first.first - other_first.second)) / 2,
    )


def disagree(one_first: Look, other_first: Look) -> bool:
    """Tell whether the two orders name different answers as the better one."""
    here, there = one_first.first - one_first.second, other_first.second - other_first.first
    return here * there < 0
