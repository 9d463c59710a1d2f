"""Whether scores have ceased to come: an outage of the judge, of the metric or of the scorer. Knows no score's value.

An outage is seen by what is not there: of the latest pairs whose answers came long enough ago, none is scored. One
that scores good answers and fails on bad ones is none, and what it leaves out counts as the worst. Pairs of an
outage are void before anybody has seen their scores.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

LEAST = 5
"""So many pairs on end without a score are an outage; so many on end with one are its end."""

GRACE = 1 / 3
"""Of the time after which a score counts as missing: an outage is declared while the first pair still waits."""


class Due(NamedTuple):
    """A pair whose two answers are there, as far as scoring goes. In log order they are a list."""

    seq: int
    waited_s: float  # of looking, since both answers were there
    scored: bool  # every half that can be scored is


class Silence(NamedTuple):
    """An outage that goes on."""

    pairs: int  # on end without a score, the latest
    since_seq: int  # the first of them


def silence(due: Sequence[Due], timeout_s: float, *, held: bool) -> Silence | None:
    """Give the outage that the latest pairs show, or None.

    `held` says that one was declared: it is over once the latest LEAST pairs that are old enough are scored, or as
    many pairs in all as have been scored meanwhile.
    """
    old = [one for one in due if one.scored or one.waited_s >= GRACE * timeout_s]
    latest = old[-LEAST:]
    if held:
        if len(latest) == LEAST and all(one.scored for one in latest):
            return None
        return _from(old)
    if len(latest) < LEAST or any(one.scored for one in latest):
        return None
    return _from(old)


def _from(old: Sequence[Due]) -> Silence:
    """Count back from the latest pair to the last that was scored."""
    at = len(old)
    while at and not old[at - 1].scored:
        at -= 1
    return Silence(len(old) - at, old[at].seq if at < len(old) else 0)
