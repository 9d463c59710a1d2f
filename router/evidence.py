"""What a rollout has seen: counts, and detectors of late regressions. Knows no threshold, no state and no decision.

Counts are sums (`router.counts`); detectors are sequences, so only one writer runs them.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from router import betting
from router.counts import (
    EMPTY,
    Cell,
    Place,
    cell_json,
    cell_of,
    doubtful_bin,
    mean,
    merge,
    part,
    tally,
    worse_bin,
)
from router.partial.candidate import Candidate, candidate_json, candidate_of, tried
from router.partial.received import received
from router.slices.rank import Life, told_apart
from store.vocabulary import Observation, Stream, Who

States = tuple[float, ...]
"""log R_j of a detector, for each of its sixteen bets."""

UNSEEN: States = (-math.inf,) * betting.BETS
"""Of a detector that has seen nothing."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Evidence:
    """All that a rollout's decisions are made from. `delta`, `delta_slice`, `scale` and `margins` are fixed for its life."""

    delta: float
    delta_slice: float = 0.10  # by how much the student may be worse on a slice
    margins: Mapping[str, float] = field(default_factory=dict)  # of the streams beside the scores
    scale: float = (
        1.0  # B: the D of scores is psi / B (`router.streams.gold`), and so is the margin it is held to
    )
    cells: Mapping[Place, Cell] = field(default_factory=dict)
    late: States = UNSEEN  # of the detector over all pairs
    late_served: States = UNSEEN  # and over those that the student served
    late_beside: Mapping[str, States] = field(default_factory=dict)  # and of the other streams
    unverified: tuple[
        str, ...
    ] = ()  # steps that stand on an operator's word: forced, or a slice taken back in
    begun_anew: tuple[Life, ...] = ()  # lives of slices that are over, and whose parts of alpha stay spent
    threshold: float | None = None  # scores are counted as the app receives them with it published
    candidates: Mapping[float, Candidate] = field(default_factory=dict)  # by threshold, strictest first

    @property
    def margin(self) -> float:
        """The margin on the scale of the D of scores."""
        return self.delta / self.scale

    @property
    def slices(self) -> dict[str, Cell]:
        """The counts of each slice that is told apart, by name."""
        return {at.slice: cell for at, cell in self.cells.items() if at.slice}

    def cell(self, step: str, *served: str, stream: str = Stream.SCORE) -> Cell:
        """Give the counts of a step, of the servers named or of all."""
        return self.over((step,), *served, stream=stream)

    def over(self, steps: Iterable[str] | None = None, *served: str, stream: str = Stream.SCORE) -> Cell:
        """Give the counts of several steps together, or of all."""
        wanted = None if steps is None else frozenset(steps)
        parts = (
            cell
            for at, cell in self.cells.items()
            if (at.stream, at.slice) == (stream, "")
            and (wanted is None or at.step in wanted)
            and (not served or at.served_by in served)
        )
        return sum(parts, EMPTY)

    def mean(self, cell: Cell) -> float | None:
        """Give the mean difference of scores in a cell, or None of none."""
        return mean(cell.down, self.scale)

    def lower(self, cell: Cell, log_threshold: float) -> float:
        """Give the bound that the mean difference of scores in a cell lies above (`betting.lower_bound`)."""
        return betting.lower_bound(cell.hopeful, log_threshold, self.scale)

    def under(self, threshold: float) -> Evidence:
        """Give the evidence about what the app receives with a candidate published; detectors of it begin anew.

        Candidates have no counts of slices. From one to another a slice goes on with what was received of it so far;
        where the whole was tried before, its slices begin anew.
        """
        begun = self.threshold is not None
        beside = {
            place: cell
            for place, cell in self.cells.items()
            if place.stream != Stream.SCORE or (place.slice and begun)
        }
        cells = {**beside, **self.candidates[threshold].cells}
        return replace(
            self,
            cells=cells,
            threshold=threshold,
            late=UNSEEN,
            late_served=UNSEEN,
            begun_anew=self.begun_anew if begun else (),
        )

    def to_json(self) -> dict[str, Any]:
        """Give plain JSON; `from_json` restores an equal value, bit for bit."""
        return {
            "v": 1,
            "delta": self.delta,
            "delta_slice": self.delta_slice,
            "margins": dict(self.margins),
            "scale": self.scale,
            "cells": [cell_json(place, self.cells[place]) for place in sorted(self.cells)],
            "late": _states_json(self.late),
            "late_served": _states_json(self.late_served),
            "late_beside": {name: _states_json(self.late_beside[name]) for name in sorted(self.late_beside)},
            "unverified": list(self.unverified),
            "begun_anew": [list(life) for life in self.begun_anew],
            "threshold": self.threshold,
            "candidates": [candidate_json(at, one) for at, one in self.candidates.items()],
        }

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Evidence:
        """Restore what `to_json` gave. Raises ValueError for another version."""
        if data.get("v") != 1:
            raise ValueError(f"evidence has version {data.get('v')!r}; this Stillhouse reads version 1.")
        return cls(
            delta=data["delta"],
            delta_slice=data["delta_slice"],
            margins=dict(data["margins"]),
            scale=data["scale"],
            cells=dict(map(cell_of, data["cells"])),
            late=_states_of(data["late"]),
            late_served=_states_of(data["late_served"]),
            late_beside={name: _states_of(states) for name, states in data["late_beside"].items()},
            unverified=tuple(data["unverified"]),
            begun_anew=tuple(Life(*life) for life in data["begun_anew"]),
            threshold=data["threshold"],
            candidates=dict(map(candidate_of, data["candidates"])),
        )


def update(evidence: Evidence, observations: Iterable[Observation]) -> Evidence:
    """Count observations, in each stream in the order of their sequence. Pure."""
    drawn = list(observations)
    seen = received(drawn, evidence.threshold)
    scored = [o for o in seen if o.stream == Stream.SCORE]
    losses = betting.losses(evidence.margin, evidence.scale)
    served = [o for o in scored if o.served_by == Who.STUDENT]
    apart = told_apart(evidence.slices, seen)
    return replace(
        evidence,
        cells=merge(evidence.cells, dict(tally(seen, evidence.scale, apart))),
        candidates={at: tried(one, drawn, at, evidence.scale) for at, one in evidence.candidates.items()},
        late=_detect(losses, evidence.late, [doubtful_bin(o, evidence.scale) for o in scored]),
        late_served=_detect(losses, evidence.late_served, [doubtful_bin(o, evidence.scale) for o in served]),
        late_beside=_beside(evidence.late_beside, seen, evidence.margins),
    )


def voided(evidence: Evidence) -> Evidence:
    """Give the evidence of a trial that begins: nothing is seen, nothing is forced."""
    return Evidence(
        delta=evidence.delta,
        delta_slice=evidence.delta_slice,
        margins=evidence.margins,
        scale=evidence.scale,
        threshold=evidence.threshold,
        candidates={threshold: Candidate() for threshold in evidence.candidates},
    )


def anew(evidence: Evidence, name: str) -> Evidence:
    """Give the evidence with a slice's counts begun anew; it keeps its place among those that are told apart."""
    place = part(name)
    before = evidence.cells.get(place, EMPTY)
    over = () if before.first is None else (Life(before.first, name),)
    cells = {**evidence.cells, place: EMPTY} if place in evidence.cells else evidence.cells
    return replace(evidence, cells=cells, begun_anew=(*evidence.begun_anew, *over))


def _detect(table: betting.Floats, states: States, bins: Iterable[int | None]) -> States:
    """Run a detector one observation at a time: its bits must not depend on how ticks cut the log."""
    log_r = np.asarray(states)
    for at in bins:
        if at is not None:
            log_r = np.logaddexp(log_r, 0.0) + table[at]
    return tuple(log_r.tolist())


def _beside(
    states: Mapping[str, States], seen: Iterable[Observation], margins: Mapping[str, float]
) -> dict[str, States]:
    """Run the detectors of the streams that say how much worse the student is."""
    bins: dict[str, list[int | None]] = {}
    for o in seen:
        if o.stream in margins:
            bins.setdefault(str(o.stream), []).append(worse_bin(o))
    run = {
        name: _detect(betting.gains(margins[name]), states.get(name, UNSEEN), at) for name, at in bins.items()
    }
    return {**states, **run}


def _states_json(states: States) -> list[float | None]:
    return [None if math.isinf(log_r) else log_r for log_r in states]  # JSON has no infinity


def _states_of(data: Iterable[float | None]) -> States:
    return tuple(-math.inf if log_r is None else log_r for log_r in data)
