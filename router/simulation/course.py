"""One rollout played call by call, from SHADOW until it ends or is at FULL. Knows no price and no day.

Each call falls to the student or the teacher as the step says, is paired with the route's own chances, and every pair is
looked at: by `router.scan` and `router.policy`, as in production. Only the store and the waiting are left out.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace

import numpy as np

from router.betting import Floats
from router.decision import Facts
from router.evidence import Evidence
from router.figures import Flags, Ints
from router.policy import applied
from router.scan import first_decision
from router.settings import STEPS, RolloutPolicy
from router.simulation.quiet import quiet
from router.simulation.world import World
from router.steps import shadowed, share
from store.vocabulary import Observation, ObservationKind, Rollout, State, TaskMode, Who

HORIZON = 60_000  # pairs after which a run is left as it stands
_PAIRS = 512  # of a ramp step, generated at once
_FIRST = 32  # pairs looked at after the quiet ones: there something is about to happen


@dataclass(slots=True)
class Leg:
    """What one step of a run took."""

    calls: int = 0
    by_student: int = 0  # of the calls
    pairs: int = 0
    served: int = 0  # of the pairs, those that the student served

    def add(self, block: Block, taken: int) -> None:
        """Count the first pairs of a block, with the calls up to the last of them."""
        if taken:
            self.calls += int(block.call[taken - 1])
            self.by_student += int(block.by_student[taken - 1])
            self.served += int(block.served[:taken].sum())
        self.pairs += taken


@dataclass(slots=True)
class Run:
    """One rollout, as far as it went."""

    state: State = State.SHADOW
    causes: list[str] = field(default_factory=list)
    legs: dict[State, Leg] = field(default_factory=dict)
    excluded: dict[str, int] = field(default_factory=dict)  # slices, each with the pairs compared by then

    @property
    def pairs(self) -> int:
        """Pairs compared."""
        return sum(leg.pairs for leg in self.legs.values())

    @property
    def served(self) -> int:
        """Pairs that the student served."""
        return sum(leg.served for leg in self.legs.values())

    @property
    def calls(self) -> int:
        """Calls of the app."""
        return sum(leg.calls for leg in self.legs.values())

    @property
    def left_shadow(self) -> bool:
        """Whether a gate was passed at all."""
        return "gate_passed" in self.causes


@dataclass(frozen=True, kw_only=True, slots=True)
class Block:
    """The next calls at one step, as columns: a row for each that drew a pair."""

    d: Floats
    served: Flags  # by the student
    call: Ints  # how many calls there were up to and including it
    by_student: Ints  # and how many of them the student served
    propensity: Floats
    slices: Sequence[tuple[str, ...]]


def play(world: World, policy: RolloutPolicy, seed: int, *, short_cut: bool = True) -> Run:
    """Play one rollout. The same seed gives the same run, with the short cut through SHADOW or without."""
    policy = replace(policy, dwell_s=0.0, settle_s=0.0)
    rng = np.random.default_rng(seed)
    rollout, evidence, run = begun(policy), Evidence(delta=policy.delta, scale=world.scale), Run()
    while rollout.state in STEPS and run.pairs < HORIZON:
        step, block, decided = rollout.state, drawn(rng, world, rollout, policy), False
        plain = world.weakness is None and world.scale == 1.0
        taken, quick = 0, short_cut and step == State.SHADOW and plain
        if quick:
            taken, evidence = quiet(rollout, policy, block.d, int(block.call[0]))
        while taken < len(block.d) and not decided:
            until = taken + (_FIRST if quick else _PAIRS)
            observations = list(_observations(step, block, slice(taken, until), after=run.calls))
            found = first_decision(rollout, evidence, observations, facts=Facts(), policy=policy, now=0.0)
            evidence, taken = found.evidence, taken + found.taken
            if found.decision is not None:
                decided = True
                run.causes.append(found.decision.cause)
                run.excluded |= dict.fromkeys(found.decision.exclude, run.pairs + taken)
                rollout = applied(rollout, found.decision, 0.0)
        run.legs.setdefault(step, Leg()).add(block, taken)
    run.state = rollout.state
    return run


def begun(policy: RolloutPolicy, state: State = State.SHADOW) -> Rollout:
    """Give the first trial of a task, at a step."""
    return Rollout(
        rollout_id="simulated",
        task_id="simulated",
        task_version=1,
        student_id="simulated",
        trial=1,
        state=state,
        delta=policy.delta,
        alpha=policy.alpha,
        mode=TaskMode.AUTO,
    )


def drawn(rng: np.random.Generator, world: World, rollout: Rollout, policy: RolloutPolicy) -> Block:
    """Draw the next calls at the rollout's step: all that SHADOW may look at, some 512 pairs of another."""
    step, part = rollout.state, share(rollout, policy)
    forward, reverse = shadowed(rollout, policy), policy.reverse_shadow[step]
    pairs = policy.caps[step] if step == State.SHADOW else _PAIRS
    rate = part * reverse + (1.0 - part) * forward
    calls = math.ceil(pairs / rate) if rate else HORIZON
    weak = world.weakly(rng, calls)
    kept = weak & (world.weakness is not None and world.weakness.name in rollout.excluded)  # by the teacher
    student = (rng.random(calls) < part) & ~kept
    propensity = np.where(kept, 0.0, np.where(student, reverse, forward))
    pair = np.flatnonzero(rng.random(calls) < propensity)
    return Block(
        d=world.differences(rng, student[pair], weak[pair]),
        served=student[pair],
        call=pair + 1,
        by_student=np.cumsum(student, dtype=np.int64)[pair],
        propensity=propensity[pair],
        slices=world.slices(rng, weak[pair]),
    )


def observed(step: State, d: Floats) -> list[Observation]:
    """Give pairs at a step that the student served, as observations."""
    n = len(d)
    every = np.ones(n, dtype=np.bool_)
    counted = np.arange(1, n + 1)
    block = Block(
        d=d, served=every, call=counted, by_student=counted, propensity=np.full(n, 0.05), slices=[()] * n
    )
    return list(_observations(step, block, slice(None)))


def _observations(step: State, block: Block, rows: slice, *, after: int = 0) -> Iterator[Observation]:
    columns = (block.call, block.d, block.served, block.propensity)
    numbers = (column[rows].tolist() for column in columns)
    for call, d, served, propensity, slices in zip(*numbers, block.slices[rows], strict=True):
        yield Observation(
            rollout_id="simulated",
            seq=after + call,
            call_id="",
            kind=ObservationKind.PAIRED,
            d=d,
            step=step,
            served_by=Who.STUDENT if served else Who.TEACHER,
            propensity=propensity,
            ts=0.0,
            slices=slices,
        )
