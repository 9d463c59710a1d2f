"""What a rollout has seen, as counts. Knows no threshold, no state and no decision.

Counts are sums, so they merge across writers and replay in any order; the late-regression detectors are
sequences, so only one writer runs them. Of a pair without a score nothing is known: the claim "good enough"
counts it as the worst (-1), the claim "harmful" as harmless (0).
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from router import betting
from store.vocabulary import Observation, ObservationKind, Who

Sparse = tuple[tuple[int, int], ...]
"""`(bin, n)`, ascending by bin, every n > 0."""

Place = tuple[str, str]
"""`(step, who served)`."""

WORST = betting.bin_down(-1.0)
HARMLESS = betting.bin_up(0.0)


@dataclass(frozen=True, kw_only=True, slots=True)
class Cell:
    """The counts of one step and one server."""

    down: Sparse = ()  # of D, rounded down
    up: Sparse = ()  # of D, rounded up
    paired: int = 0
    missing: int = 0
    void: int = 0
    calls: float = 0.0  # calls that the drawn ones stand for: the sum of 1 / propensity

    def __add__(self, other: Cell) -> Cell:
        """Merge two counts of different observations."""
        return Cell(
            down=add(self.down, other.down),
            up=add(self.up, other.up),
            paired=self.paired + other.paired,
            missing=self.missing + other.missing,
            void=self.void + other.void,
            calls=self.calls + other.calls,
        )

    @property
    def hopeful(self) -> Sparse:
        """Counts for the claim "good enough"."""
        return add(self.down, ((WORST, self.missing),))

    @property
    def doubtful(self) -> Sparse:
        """Counts for the claim "harmful"."""
        return add(self.up, ((HARMLESS, self.missing),))


EMPTY = Cell()
_UNSEEN = (-math.inf,) * betting.BETS


@dataclass(frozen=True, kw_only=True, slots=True)
class Evidence:
    """All that a rollout's decisions are made from. `delta` is fixed for its life."""

    delta: float
    cells: Mapping[Place, Cell] = field(default_factory=dict)
    late: tuple[float, ...] = _UNSEEN  # log R_j of the detector over all pairs
    late_served: tuple[float, ...] = _UNSEEN  # and over those that the student served
    unverified: tuple[str, ...] = ()  # steps entered by an operator's force

    def cell(self, step: str, *served: str) -> Cell:
        """Give the counts of a step, of the servers named or of all."""
        return self.over((step,), *served)

    def over(self, steps: Iterable[str] | None = None, *served: str) -> Cell:
        """Give the counts of several steps together, or of all."""
        wanted = None if steps is None else frozenset(steps)
        parts = (
            cell
            for (at, by), cell in self.cells.items()
            if (wanted is None or at in wanted) and (not served or by in served)
        )
        return sum(parts, EMPTY)

    def to_json(self) -> dict[str, Any]:
        """Give plain JSON; `from_json` restores an equal value, bit for bit."""
        return {
            "v": 1,
            "delta": self.delta,
            "cells": [_cell_json(place, self.cells[place]) for place in sorted(self.cells)],
            "late": _states_json(self.late),
            "late_served": _states_json(self.late_served),
            "unverified": list(self.unverified),
        }

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Evidence:
        """Restore what `to_json` gave. Raises ValueError for another version."""
        if data.get("v") != 1:
            raise ValueError(f"evidence has version {data.get('v')!r}; this Stillhouse reads version 1.")
        return cls(
            delta=data["delta"],
            cells=dict(map(_cell_of, data["cells"])),
            late=_states_of(data["late"]),
            late_served=_states_of(data["late_served"]),
            unverified=tuple(data["unverified"]),
        )


def update(evidence: Evidence, observations: Iterable[Observation]) -> Evidence:
    """Count observations, in the order of their sequence. Pure."""
    seen = list(observations)
    cells = dict(evidence.cells)
    for place, cell in _tally(seen):
        cells[place] = cells.get(place, EMPTY) + cell
    served = [o for o in seen if o.served_by == Who.STUDENT]
    return replace(
        evidence,
        cells=cells,
        late=_detect(evidence.delta, evidence.late, seen),
        late_served=_detect(evidence.delta, evidence.late_served, served),
    )


def voided(evidence: Evidence) -> Evidence:
    """Give the evidence of a trial that begins: nothing is seen, nothing is forced."""
    return replace(evidence, cells={}, late=_UNSEEN, late_served=_UNSEEN, unverified=())


def merge(*parts: Mapping[Place, Cell]) -> dict[Place, Cell]:
    """Add the counts of several writers who saw different observations."""
    merged: dict[Place, Cell] = {}
    for part in parts:
        for place, cell in part.items():
            merged[place] = merged.get(place, EMPTY) + cell
    return merged


def add(one: Sparse, other: Sparse) -> Sparse:
    """Add two sparse counts."""
    summed = dict(one)
    for at, n in other:
        summed[at] = summed.get(at, 0) + n
    return tuple(sorted((at, n) for at, n in summed.items() if n))


def mean(counts: Sparse) -> float | None:
    """Give the mean D of counts, or None of none."""
    n = sum(k for _, k in counts)
    return sum((at / betting.SCALE - 1.0) * k for at, k in counts) / n if n else None


@dataclass(slots=True)
class _Tally:
    """A Cell in the making."""

    down: dict[int, int] = field(default_factory=dict)
    up: dict[int, int] = field(default_factory=dict)
    missing: int = 0
    void: int = 0
    calls: float = 0.0

    def see(self, observation: Observation) -> None:
        self.calls += 1.0 / observation.propensity if observation.propensity > 0 else 1.0
        d = observation.d
        if observation.kind == ObservationKind.PAIRED and d is not None:
            down, up = betting.bin_down(d), betting.bin_up(d)
            self.down[down] = self.down.get(down, 0) + 1
            self.up[up] = self.up.get(up, 0) + 1
        elif observation.kind == ObservationKind.MISSING:
            self.missing += 1
        else:
            self.void += 1

    def cell(self) -> Cell:
        return Cell(
            down=tuple(sorted(self.down.items())),
            up=tuple(sorted(self.up.items())),
            paired=sum(self.down.values()),
            missing=self.missing,
            void=self.void,
            calls=self.calls,
        )


def _tally(observations: Iterable[Observation]) -> Iterator[tuple[Place, Cell]]:
    tallies: dict[Place, _Tally] = {}
    for o in observations:
        tallies.setdefault((str(o.step), str(o.served_by)), _Tally()).see(o)
    return ((place, tally.cell()) for place, tally in tallies.items())


def _detect(delta: float, states: tuple[float, ...], observations: list[Observation]) -> tuple[float, ...]:
    """Run a detector one observation at a time: its bits must not depend on how ticks cut the log."""
    log_r = np.asarray(states)
    table = betting.losses(delta)
    for o in observations:
        if (at := doubtful_bin(o)) is not None:
            log_r = np.logaddexp(log_r, 0.0) + table[at]
    return tuple(log_r.tolist())


def doubtful_bin(observation: Observation) -> int | None:
    """Give the bin that the claim "harmful" counts, or None where the observation counts nowhere."""
    if observation.kind == ObservationKind.MISSING:
        return HARMLESS
    return None if observation.d is None else betting.bin_up(observation.d)


def hopeful_bin(observation: Observation) -> int | None:
    """Give the bin that the claim "good enough" counts, or None where the observation counts nowhere."""
    if observation.kind == ObservationKind.MISSING:
        return WORST
    return None if observation.d is None else betting.bin_down(observation.d)


def _cell_json(place: Place, cell: Cell) -> dict[str, Any]:
    step, served_by = place
    return {
        "step": step,
        "served_by": served_by,
        "down": [list(pair) for pair in cell.down],
        "up": [list(pair) for pair in cell.up],
        "paired": cell.paired,
        "missing": cell.missing,
        "void": cell.void,
        "calls": cell.calls,
    }


def _cell_of(data: Mapping[str, Any]) -> tuple[Place, Cell]:
    cell = Cell(
        down=tuple((at, n) for at, n in data["down"]),
        up=tuple((at, n) for at, n in data["up"]),
        paired=data["paired"],
        missing=data["missing"],
        void=data["void"],
        calls=data["calls"],
    )
    return (data["step"], data["served_by"]), cell


def _states_json(states: tuple[float, ...]) -> list[float | None]:
    return [None if math.isinf(log_r) else log_r for log_r in states]  # JSON has no infinity


def _states_of(data: Iterable[float | None]) -> tuple[float, ...]:
    return tuple(-math.inf if log_r is None else log_r for log_r in data)
