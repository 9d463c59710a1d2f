"""Which slices are told apart, and what part of the slices' alpha each may spend. Knows no test.

Slices rank by the log sequence of their first score, then by name, and the j-th has the part 4 / ((j + 3) (j + 4)): whatever
their number comes to be, the parts sum to less than 1, so nobody has to name them beforehand. A rank follows from
requests (of labels: from answers) alone and is known before the first difference is, so each test keeps its own bound. A slice whose
counts begin anew is another one for this: what its former life may have spent is never given out again.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

from router.counts import Cell, sliced
from store.vocabulary import Observation

MOST = 64
"""So many slices are told apart, those that came first; the calls of further ones count in the whole only."""

_EVEN = 4
"""The j-th part is n / ((j + n - 1) (j + n)): with a greater n they fall more slowly, and for every n they sum to 1."""


class Life(NamedTuple):
    """A slice, from its first score to its last or to where its counts began anew."""

    first: int  # log sequence of the first score
    name: str


def told_apart(known: Iterable[str], observations: Iterable[Observation]) -> frozenset[str]:
    """Give the slices that are counted once these are seen: the known ones, and new ones by rank."""
    apart = set(known)
    fresh = [o for o in observations if o.slices and sliced(o) and not apart.issuperset(o.slices)]
    for o in sorted(fresh, key=lambda o: o.seq):
        for name in sorted(o.slices):
            if len(apart) < MOST:
                apart.add(name)
    return frozenset(apart)


def parts(slices: Mapping[str, Cell], over: Sequence[Life]) -> dict[str, float]:
    """Give the part of each slice that was seen, in order of rank; `over` are lives that have ended."""
    living = [Life(cell.first, name) for name, cell in slices.items() if cell.first is not None]
    ranked = sorted([*((life, True) for life in living), *((life, False) for life in over)])
    return {
        life.name: _EVEN / ((j + _EVEN - 1) * (j + _EVEN))
        for j, (life, lives) in enumerate(ranked, 1)
        if lives
    }
