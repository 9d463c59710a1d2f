"""The counts of one candidate threshold: what the app would receive with it, from the rollout's first pair on.

Knows no margin and no order. Of scores only: errors, formats and latency are watched of all that a student says.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from router.counts import Cell, Place, cell_json, cell_of, merge, tally
from router.partial.received import parts, received
from store.vocabulary import Observation, Stream


@dataclass(frozen=True, kw_only=True, slots=True)
class Kept:
    """Of so many compared calls, so many would be the student's. Merges by adding."""

    calls: int = 0
    kept: int = 0

    def __add__(self, other: Kept) -> Kept:
        """Merge the counts of different calls."""
        return Kept(calls=self.calls + other.calls, kept=self.kept + other.kept)

    @property
    def share(self) -> float:
        """The part of the calls that the student keeps, 0 where none was seen."""
        return self.kept / self.calls if self.calls else 0.0


@dataclass(frozen=True, kw_only=True, slots=True)
class Candidate:
    """The counts of a threshold. A sum: it merges and replays in any order."""

    cells: Mapping[Place, Cell] = field(default_factory=dict)
    kept: Kept = field(default_factory=Kept)


def tried(candidate: Candidate, drawn: Sequence[Observation], threshold: float, scale: float) -> Candidate:
    """Count observations, as they were drawn, for a candidate. `scale` is that of scores."""
    scores = [o for o in drawn if o.stream == Stream.SCORE]
    return Candidate(
        cells=merge(candidate.cells, dict(tally(received(scores, threshold), scale))),
        kept=candidate.kept + _kept(scores, threshold),
    )


def _kept(scores: Iterable[Observation], threshold: float) -> Kept:
    sure = [c is not None and c >= threshold for o in scores for _, c in parts(o)]
    return Kept(calls=len(sure), kept=sum(sure))


def candidate_json(threshold: float, candidate: Candidate) -> dict[str, Any]:
    """Give plain JSON; `candidate_of` restores it."""
    return {
        "threshold": threshold,
        "cells": [cell_json(place, candidate.cells[place]) for place in sorted(candidate.cells)],
        "calls": candidate.kept.calls,
        "kept": candidate.kept.kept,
    }


def candidate_of(data: Mapping[str, Any]) -> tuple[float, Candidate]:
    """Restore what `candidate_json` gave, with its threshold."""
    cells = dict(map(cell_of, data["cells"]))
    return data["threshold"], Candidate(cells=cells, kept=Kept(calls=data["calls"], kept=data["kept"]))
