"""The harm test of each slice, now or after each of several further observations. Pure: decides nothing.

One test a slice, of its scores at all steps together, as the whole has one a step (`router.figures`): bets against
"the student is worse there by no more than the margin of a slice". What is missing is no harm.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from router import betting
from router.betting import Floats
from router.counts import EMPTY, Cell, Sparse, doubtful_bin, sliced
from router.evidence import Evidence
from router.figures import Flags
from router.partial.received import received
from router.settings import RolloutPolicy
from router.slices.rank import parts, told_apart
from router.streams.budget import SLICES
from store.vocabulary import Observation

_SLACK = 1e-9


@dataclass(frozen=True, kw_only=True, slots=True)
class Tested:
    """One slice's test as it stands; natural logarithms."""

    slice: str
    cell: Cell
    log_wealth: float
    bar: float  # an alarm from there on: ln(1 / its part of the harm alpha)

    @property
    def harmful(self) -> bool:
        """Whether it has alarmed."""
        return self.log_wealth >= self.bar


def bar(policy: RolloutPolicy, part: float) -> float:
    """Give the log wealth at which a slice alarms that has this part of the slices' alpha."""
    return -math.log(policy.harm_alpha * SLICES * part)


def tested(evidence: Evidence, policy: RolloutPolicy) -> tuple[Tested, ...]:
    """Give the test of every slice that was seen, by rank."""
    cells, table = evidence.slices, _table(evidence)
    return tuple(
        Tested(
            slice=name,
            cell=cells[name],
            log_wealth=float(betting.wealth(betting.total(table, cells[name].doubtful)[None, :])[0]),
            bar=bar(policy, share),
        )
        for name, share in parts(cells, evidence.begun_anew).items()
    )


def upper(evidence: Evidence, found: Tested) -> float:
    """Give the bound that the mean difference in a slice lies below but for a chance of exp(-bar); 1 where none is known.

    A slice alarms where it falls below the margin.
    """
    turned: Sparse = tuple(
        (2 * betting.reach(evidence.scale) - at, n) for at, n in reversed(found.cell.doubtful)
    )
    return -betting.lower_bound(turned, found.bar, evidence.scale)


def eventful(evidence: Evidence, observations: Sequence[Observation], policy: RolloutPolicy) -> Flags:
    """Say after which observations a slice may alarm: a superset by 1e-9, shape (n + 1,)."""
    found = np.zeros(len(observations) + 1, dtype=np.bool_)
    seen, scale, table = received(observations, evidence.threshold), evidence.scale, _table(evidence)
    slices = evidence.slices
    places = _places(seen, told_apart(slices, seen))
    begun = {name: Cell(first=seen[at[0]].seq) for name, at in places.items()}
    for name, share in parts({**begun, **_seen(slices)}, evidence.begun_anew).items():
        if not (at := places.get(name)):
            continue
        before = betting.total(table, slices.get(name, EMPTY).doubtful)
        bins = [up for i in at if (up := doubtful_bin(seen[i], scale)) is not None]
        wealth = betting.wealth(before + np.cumsum(table[bins], axis=0))
        found[np.asarray(at)[wealth >= bar(policy, share) - _SLACK] + 1] = True
    return found


def _seen(slices: Mapping[str, Cell]) -> dict[str, Cell]:
    return {name: cell for name, cell in slices.items() if cell.first is not None}


def _places(seen: Sequence[Observation], apart: frozenset[str]) -> dict[str, list[int]]:
    """Give where the scores of each slice are."""
    places: dict[str, list[int]] = {}
    for at, o in enumerate(seen):
        if o.slices and sliced(o):
            for name in apart.intersection(o.slices):
                places.setdefault(name, []).append(at)
    return places


def _table(evidence: Evidence) -> Floats:
    return betting.losses(evidence.delta_slice / evidence.scale, evidence.scale)
