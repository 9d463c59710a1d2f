"""What the specification's own simulation gave: medians and 90th percentiles of 2,000 replications. Knows no run."""

from __future__ import annotations

from dataclasses import dataclass

from router.simulation.world import Weakness, World


@dataclass(frozen=True, kw_only=True, slots=True)
class Student:
    """A kind of student, and what is expected of it at delta .03 beside a teacher of .90."""

    name: str
    world: World
    full: float  # share of runs at full share
    rolled_back: float
    pairs: tuple[int, int] | None = None  # until full share
    served: int | None = None  # median of the pairs that the student served until the rollback


STUDENTS = (
    Student(name="+2 pt", world=World(gap=0.02), full=1.0, rolled_back=0.0, pairs=(1267, 1577)),
    Student(name="equal", world=World(gap=0.0), full=0.999, rolled_back=0.0, pairs=(2193, 3395)),
    Student(
        name="-1.5 pt (tolerable)", world=World(gap=-0.015), full=0.495, rolled_back=0.001, pairs=(5788, 8279)
    ),
    Student(name="-3 pt (= margin)", world=World(gap=-0.03), full=0.0, rolled_back=0.025),
    Student(name="-5 pt", world=World(gap=-0.05), full=0.0, rolled_back=0.962),
    Student(
        name="good in shadow, -10 pt live",
        world=World(gap=0.0, live=-0.10),
        full=0.0,
        rolled_back=1.0,
        served=358,
    ),
    Student(
        name="good in shadow, -20 pt live",
        world=World(gap=0.0, live=-0.20),
        full=0.0,
        rolled_back=1.0,
        served=84,
    ),
)


@dataclass(frozen=True, kw_only=True, slots=True)
class Sliced:
    """A student that is as good as the teacher but on one slice, and what is expected of it."""

    name: str
    share: float  # of the slice
    gap: float  # on it
    full: float | None = None  # share of runs at full share
    excluded: float | None = None  # share of runs in which the teacher keeps the slice
    pairs: tuple[int, int] | None = None  # until full share

    @property
    def world(self) -> World:
        """The student beside its teacher."""
        return World(gap=0.0, weakness=Weakness(share=self.share, gap=self.gap))


SLICED = (
    Sliced(name="5% at -30 pt", share=0.05, gap=-0.30, full=0.997, excluded=0.995, pairs=(3354, 4576)),
    Sliced(name="5% at -20 pt", share=0.05, gap=-0.20),
    Sliced(name="5% at -10 pt (= its margin)", share=0.05, gap=-0.10),
    Sliced(name="20% at -20 pt", share=0.20, gap=-0.20),
    Sliced(name="equal there as well", share=0.05, gap=0.0),
)
ALONE = {0.02: (1615, 3620), 0.03: (731, 1605), 0.05: (304, 647)}  # pairs of the promotion test by itself
CAUGHT = {-0.20: 102, -0.10: 404, -0.05: 2687}  # pairs after 20,000 good ones, median
