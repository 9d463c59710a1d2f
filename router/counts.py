"""Counts of observations, by where they belong. Knows no margin, no detector and no decision.

Counts are sums, so they merge across writers and replay in any order. Of what is missing nothing is known: the
claim "good enough" counts it as the worst (-1), the claim "harmful" as harmless (0). Scores say how much better
the student is, all other streams how much worse. A score counts in the whole, and once more in each of its slices
that are told apart (`router.slices.rank`).
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from router import betting
from store.vocabulary import Observation, ObservationKind, Stream

Sparse = tuple[tuple[int, int], ...]
"""`(bin, n)`, ascending by bin, every n > 0."""


class Place(NamedTuple):
    """Where an observation is counted."""

    stream: str
    step: str
    served_by: str
    slice: str = ""  # "": the whole; a slice is counted over all steps and servers, those are "" then


@dataclass(frozen=True, kw_only=True, slots=True)
class Cell:
    """The counts of one place."""

    down: Sparse = ()  # of D, rounded down
    up: Sparse = ()  # of D, rounded up
    least: Sparse = ()  # of what is missing: the least that D can have been
    spared: Sparse = ()  # and 0, as which it is no harm
    paired: int = 0
    missing: int = 0
    void: int = 0
    calls: float = 0.0  # calls that the drawn ones stand for: the sum of 1 / propensity, each to 1/1024
    first: int | None = None  # log sequence of the first observation

    def __add__(self, other: Cell) -> Cell:
        """Merge two counts of different observations."""
        return Cell(
            down=add(self.down, other.down),
            up=add(self.up, other.up),
            least=add(self.least, other.least),
            spared=add(self.spared, other.spared),
            paired=self.paired + other.paired,
            missing=self.missing + other.missing,
            void=self.void + other.void,
            calls=self.calls + other.calls,
            first=min((at for at in (self.first, other.first) if at is not None), default=None),
        )

    @property
    def hopeful(self) -> Sparse:
        """Counts for the claim "good enough"."""
        return add(self.down, self.least)

    @property
    def doubtful(self) -> Sparse:
        """Counts for the claim "harmful"."""
        return add(self.up, self.spared)

    @property
    def worse(self) -> Sparse:
        """The same of a stream that says how much worse the student is."""
        return add(self.down, self.spared)


EMPTY = Cell()


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


def mean(counts: Sparse, scale: float = 1.0) -> float | None:
    """Give the mean difference of counts, or None of none."""
    n = sum(k for _, k in counts)
    return sum(betting.of_bin(at, scale) * k for at, k in counts) / n if n else None


@dataclass(slots=True)
class _Tally:
    """A Cell in the making."""

    scale: float
    down: dict[int, int] = field(default_factory=dict)
    up: dict[int, int] = field(default_factory=dict)
    least: dict[int, int] = field(default_factory=dict)
    missing: int = 0
    void: int = 0
    calls: float = 0.0
    first: int | None = None

    def see(self, observation: Observation) -> None:
        self.first = observation.seq if self.first is None else min(self.first, observation.seq)
        self.calls += _stood_for(observation.propensity)
        if (low := hopeful_bin(observation, self.scale)) is None:
            self.void += 1
        elif observation.kind == ObservationKind.MISSING:
            self.missing += 1
            self.least[low] = self.least.get(low, 0) + 1
        elif (high := doubtful_bin(observation, self.scale)) is not None:
            self.down[low] = self.down.get(low, 0) + 1
            self.up[high] = self.up.get(high, 0) + 1

    def cell(self) -> Cell:
        return Cell(
            down=tuple(sorted(self.down.items())),
            up=tuple(sorted(self.up.items())),
            least=tuple(sorted(self.least.items())),
            spared=((betting.reach(self.scale), self.missing),) if self.missing else (),
            paired=sum(self.down.values()),
            missing=self.missing,
            void=self.void,
            calls=self.calls,
            first=self.first,
        )


def part(name: str) -> Place:
    """Give the place of a slice."""
    return Place(str(Stream.SCORE), "", "", name)


def tally(
    observations: Iterable[Observation], scale: float, slices: Collection[str] = ()
) -> Iterator[tuple[Place, Cell]]:
    """Count observations, in the whole and in those of their `slices`; `scale` is that of scores."""
    tallies: dict[Place, _Tally] = {}
    for o in observations:
        of = scale if o.stream == Stream.SCORE else 1.0
        places = [Place(str(o.stream), str(o.step), str(o.served_by))]
        if o.slices and sliced(o):
            places += [part(name) for name in dict.fromkeys(o.slices) if name in slices]
        for place in places:
            tallies.setdefault(place, _Tally(scale=of)).see(o)
    return ((place, tally.cell()) for place, tally in tallies.items())


def sliced(observation: Observation) -> bool:
    """Say whether an observation counts in its slices as well: scores do, what is void counts nowhere."""
    return observation.stream == Stream.SCORE and observation.kind != ObservationKind.VOID


def doubtful_bin(observation: Observation, scale: float = 1.0) -> int | None:
    """Give the bin that the claim "harmful" counts, or None where the observation counts nowhere."""
    if observation.kind == ObservationKind.MISSING:
        return betting.reach(scale)
    return None if observation.d is None else betting.bin_up(observation.d, scale)


def hopeful_bin(observation: Observation, scale: float = 1.0) -> int | None:
    """Give the bin that the claim "good enough" counts, or None where the observation counts nowhere."""
    d = -1.0 if observation.d is None and observation.kind == ObservationKind.MISSING else observation.d
    return None if d is None else betting.bin_down(d, scale)


def worse_bin(observation: Observation) -> int | None:
    """Give the bin that the claim "harmful" counts where D says how much worse the student is."""
    if observation.kind == ObservationKind.MISSING:
        return betting.reach()
    return None if observation.d is None else betting.bin_down(observation.d)


def _stood_for(propensity: float) -> float:
    """Give 1 / propensity in 1024ths: sums of those are exact, so they come out alike in any order and grouping."""
    return round(1024.0 / propensity) / 1024.0 if propensity > 0 else 1.0


def cell_json(place: Place, cell: Cell) -> dict[str, Any]:
    """Give plain JSON; `cell_of` restores it."""
    return {
        **place._asdict(),
        "down": [list(pair) for pair in cell.down],
        "up": [list(pair) for pair in cell.up],
        "least": [list(pair) for pair in cell.least],
        "spared": [list(pair) for pair in cell.spared],
        "paired": cell.paired,
        "missing": cell.missing,
        "void": cell.void,
        "calls": cell.calls,
        "first": cell.first,
    }


def cell_of(data: Mapping[str, Any]) -> tuple[Place, Cell]:
    """Restore what `cell_json` gave."""
    cell = Cell(
        down=tuple((at, n) for at, n in data["down"]),
        up=tuple((at, n) for at, n in data["up"]),
        least=tuple((at, n) for at, n in data["least"]),
        spared=tuple((at, n) for at, n in data["spared"]),
        paired=data["paired"],
        missing=data["missing"],
        void=data["void"],
        calls=data["calls"],
        first=data["first"],
    )
    return Place(*(data[name] for name in Place._fields)), cell
