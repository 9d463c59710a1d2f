"""The chances and the costs of a cutover, by simulation with the router's own evidence and policy.

A replication plays calls one by one: each falls in a bucket, is served by the student or the teacher as the
route of its step says, is paired with the route's probability, and scored right or wrong for both. Every
pair is looked at. Nothing is approximated but the store, which is left out.

    python -m benchmarks cutover -- --replications 2000 --seed 1
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from router.evidence import Evidence
from router.policy import applied
from router.decision import Facts
from router.scan import first_decision
from router.settings import STEPS, RolloutPolicy
from router.steps import TERMINAL, share, standing
from store.vocabulary import Observation, ObservationKind, Rollout, State, TaskMode, Who

TEACHER = 0.90
CORRELATION = 0.5  # of the errors of student and teacher: an equal student disagrees on 9% of calls
BLOCK = 512  # calls generated at once


@dataclass(frozen=True, kw_only=True, slots=True)
class Student:
    """How much better than the teacher (in score) a student is, in shadow and when it may serve."""

    name: str
    shadow: float
    live: float
    after: int | None = None  # at FULL: good pairs before it goes bad
    bad: float = 0.0


STUDENTS = (
    Student(name="+2 pt", shadow=0.02, live=0.02),
    Student(name="equal", shadow=0.0, live=0.0),
    Student(name="-1.5 pt (tolerable)", shadow=-0.015, live=-0.015),
    Student(name="-3 pt (= margin)", shadow=-0.03, live=-0.03),
    Student(name="-5 pt", shadow=-0.05, live=-0.05),
    Student(name="good in shadow, -10 pt live", shadow=0.0, live=-0.10),
    Student(name="good in shadow, -20 pt live", shadow=0.0, live=-0.20),
)


@dataclass(slots=True)
class Run:
    """One rollout, as it ended."""

    state: State
    pairs: int = 0
    live_pairs: int = 0
    calls: float = 0.0
    served: int = 0
    causes: list[str] = field(default_factory=list)


def play(student: Student, policy: RolloutPolicy, seed: int, *, horizon: int = 20_000) -> Run:
    """Play one rollout until FULL, an end, or `horizon` pairs. Deterministic in `seed`."""
    rng = np.random.default_rng(seed)
    rollout = _rollout(policy)
    evidence = Evidence(delta=policy.delta)
    seq = 0
    causes: list[str] = []
    while rollout.state in STEPS and seq < horizon:
        block = list(observed(rng, student, rollout, policy, seq))
        found = first_decision(rollout, evidence, block, facts=Facts(), policy=policy, now=float(seq))
        evidence, seq = found.evidence, seq + found.taken
        if found.decision is not None:
            causes.append(found.decision.cause)
            rollout = applied(rollout, found.decision, float(seq))
    whole, shadow = evidence.over(), evidence.cell(State.SHADOW)
    return Run(
        state=rollout.state,
        pairs=whole.paired,
        live_pairs=whole.paired - shadow.paired,
        calls=whole.calls,
        served=sum(c.paired for (_, by), c in evidence.cells.items() if by == Who.STUDENT),
        causes=causes,
    )


def observed(
    rng: np.random.Generator, student: Student, rollout: Rollout, policy: RolloutPolicy, seq: int
) -> Iterator[Observation]:
    """Draw the pairs of the next calls at the rollout's step."""
    step = standing(rollout)
    by_student = rng.random(BLOCK) < share(rollout, policy)
    forward = policy.shadow if step == State.SHADOW else policy.ramp_shadow
    chance = np.where(by_student, policy.reverse_shadow[step], forward)
    drawn = rng.random(BLOCK) < chance
    better = np.where(by_student, student.live, student.shadow)
    d = differences(rng, better)
    for i in np.flatnonzero(drawn):
        seq += 1
        yield Observation(
            rollout_id="simulated",
            seq=seq,
            call_id=str(seq),
            kind=ObservationKind.PAIRED,
            d=float(d[i]),
            step=step,
            served_by=Who.STUDENT if by_student[i] else Who.TEACHER,
            propensity=float(chance[i]),
            ts=float(seq),
        )


def differences(rng: np.random.Generator, better: Any) -> Any:
    """Draw D for students `better` than the teacher: both are right or wrong, errors correlated by 0.5."""
    wrong_t, wrong_s = 1.0 - TEACHER, 1.0 - TEACHER - better
    both = wrong_t * wrong_s + CORRELATION * np.sqrt(wrong_t * (1 - wrong_t) * wrong_s * (1 - wrong_s))
    u = rng.random(np.shape(better))
    return (u < wrong_t - both).astype(float) - (u >= 1.0 - (wrong_s - both))


def _rollout(policy: RolloutPolicy) -> Rollout:
    return Rollout(
        rollout_id="simulated",
        task_id="simulated",
        task_version=1,
        student_id="simulated",
        trial=1,
        state=State.SHADOW,
        delta=policy.delta,
        alpha=policy.alpha,
        mode=TaskMode.AUTO,
    )
if __name__ == "__main__":
    policy = RolloutPolicy(dwell_s=0.0, settle_s=0.0, ramp_shadow=float(sys.argv[2]))
    for s in STUDENTS:
        t0=time.time()
        runs=[play(s,policy,i) for i in range(int(sys.argv[1]))]
        n=len(runs)
        p=np.array([r.pairs for r in runs]); l=np.array([r.live_pairs for r in runs])
        from collections import Counter
        print(s.name, Counter(str(r.state) for r in runs), np.median(p), np.percentile(p,90), np.median(l), round(np.median([r.calls for r in runs])), round(time.time()-t0,1), Counter(r.causes[-1] if r.causes else None for r in runs))
