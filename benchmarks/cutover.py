"""The chances and the costs of a cutover, by simulation with the router's own evidence and policy.

A replication plays calls one by one: each falls in a bucket, is served by the student or the teacher as its
step says, is paired with the route's probability, and is right or wrong for both. Every pair is looked at.
Only the store and the waiting are left out.

    python -m benchmarks cutover -- --replications 2000 --seed 1
"""

from __future__ import annotations

import argparse
import math
import sys
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from router import betting
from router.decision import Facts
from router.evidence import Evidence
from router.policy import applied
from router.scan import first_decision
from router.settings import STEPS, RolloutPolicy
from router.steps import share, standing
from store.vocabulary import Observation, ObservationKind, Rollout, State, TaskMode, Who

TEACHER = 0.90
CORRELATION = 0.5  # of the errors of student and teacher: an equal student disagrees on 9% of calls
BLOCK = 512  # calls generated at once
HORIZON = 60_000  # pairs after which a replication is left as it stands
GOOD_BEFORE = 20_000  # pairs of a good student before it goes bad


@dataclass(frozen=True, kw_only=True, slots=True)
class Student:
    """How much better than the teacher (in score) a student is, in shadow and when it serves."""

    name: str
    shadow: float
    live: float


STUDENTS = (
    Student(name="+2 pt", shadow=0.02, live=0.02),
    Student(name="equal", shadow=0.0, live=0.0),
    Student(name="-1.5 pt (tolerable)", shadow=-0.015, live=-0.015),
    Student(name="-3 pt (= margin)", shadow=-0.03, live=-0.03),
    Student(name="-5 pt", shadow=-0.05, live=-0.05),
    Student(name="good in shadow, -10 pt live", shadow=0.0, live=-0.10),
    Student(name="good in shadow, -20 pt live", shadow=0.0, live=-0.20),
)

POLICY = RolloutPolicy(mode=TaskMode.AUTO, dwell_s=0.0, settle_s=0.0)
PLANS = {
    "served_only": replace(POLICY, ramp_shadow=0.0),  # on the ramp every pair was served by the student
    "default": POLICY,  # on the ramp the student shadows what the teacher serves, too
}


@dataclass(slots=True)
class Run:
    """One rollout, as it ended."""

    state: State
    pairs: int = 0
    live_served: int = 0  # pairs that the student served
    calls: int = 0
    causes: list[str] = field(default_factory=list)


def play(student: Student, policy: RolloutPolicy, seed: int) -> Run:
    """Play one rollout from SHADOW until FULL or another end. Deterministic in `seed`."""
    rng = np.random.default_rng(seed)
    rollout, evidence = _rollout(policy), Evidence(delta=policy.delta)
    seq = calls = 0
    causes: list[str] = []
    while rollout.state in STEPS and seq < HORIZON:
        block, call_of = _block(rng, student, rollout, policy, seq)
        found = first_decision(rollout, evidence, block, facts=Facts(), policy=policy, now=float(seq))
        evidence, seq = found.evidence, seq + found.taken
        calls += BLOCK if found.decision is None else int(call_of[found.taken - 1]) + 1 if found.taken else 0
        if found.decision is not None:
            causes.append(found.decision.cause)
            rollout = applied(rollout, found.decision, float(seq))
    return Run(
        state=rollout.state,
        pairs=evidence.over().paired,
        live_served=evidence.over(None, Who.STUDENT).paired,
        calls=calls,
        causes=causes,
    )


def differences(rng: np.random.Generator, better: Any) -> Any:
    """Draw D for students `better` than the teacher: each is right or wrong, errors are correlated."""
    wrong_t, wrong_s = 1.0 - TEACHER, 1.0 - TEACHER - better
    both = wrong_t * wrong_s + CORRELATION * np.sqrt(wrong_t * (1 - wrong_t) * wrong_s * (1 - wrong_s))
    u = rng.random(np.shape(better))
    return (u < wrong_t - both).astype(float) - (u >= 1.0 - (wrong_s - both))


def _block(
    rng: np.random.Generator, student: Student, rollout: Rollout, policy: RolloutPolicy, seq: int
) -> tuple[list[Observation], Any]:
    """Give the pairs of the next calls at the rollout's step, and which of the calls they were."""
    step = standing(rollout)
    by_student = rng.random(BLOCK) < share(rollout, policy)
    forward = policy.shadow if step == State.SHADOW else policy.ramp_shadow
    chance = np.where(by_student, policy.reverse_shadow[step], forward)
    drawn = np.flatnonzero(rng.random(BLOCK) < chance)
    d = differences(rng, np.where(by_student, student.live, student.shadow))
    return list(_observations(step, seq, d[drawn], by_student[drawn], chance[drawn])), drawn


def _observations(
    step: State, seq: int, d: Sequence[float], served: Sequence[bool], chance: Sequence[float]
) -> Iterator[Observation]:
    for at, (one, by_student, propensity) in enumerate(zip(d, served, chance, strict=True), seq + 1):
        yield Observation(
            rollout_id="simulated",
            seq=at,
            call_id="",
            kind=ObservationKind.PAIRED,
            d=float(one),
            step=step,
            served_by=Who.STUDENT if by_student else Who.TEACHER,
            propensity=float(propensity),
            ts=float(at),
        )


def _rollout(policy: RolloutPolicy, state: State = State.SHADOW) -> Rollout:
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


def promotions(plan: str, replications: int, seed: int) -> list[dict[str, Any]]:
    """Give one row for each kind of student."""
    rows = []
    for student in STUDENTS:
        runs = [play(student, PLANS[plan], seed * 1_000_003 + i) for i in range(replications)]
        full = [run for run in runs if run.state == State.FULL]
        back = [run for run in runs if run.state == State.ROLLING_BACK]
        ended = full or back
        rows.append(
            {
                "student": student.name,
                "full": len(full) / replications,
                "rolled_back": len(back) / replications,
                "inconclusive": sum(run.state == State.INCONCLUSIVE for run in runs) / replications,
                "left_shadow": sum("gate_passed" in run.causes for run in runs) / replications,
                "pairs": spread([run.pairs for run in ended]),
                "served_pairs": spread([run.live_served for run in ended]),
                "calls": spread([run.calls for run in ended]),
                "causes": dict(Counter(run.causes[-1] for run in back)),
            }
        )
        sys.stdout.write(f"{plan:12} {student.name:30} full {rows[-1]['full']:.3f} {rows[-1]['pairs']}\n")
    return rows


def alone(replications: int, seed: int) -> list[dict[str, Any]]:
    """Give pairs until the promotion test by itself passes an equal student, at alpha .05."""
    rng = np.random.default_rng(seed)
    bar = math.log(20)
    rows = []
    for delta in (0.02, 0.03, 0.05):
        when = []
        for _ in range(replications):
            bins = (differences(rng, np.zeros(12_000)) * betting.SCALE).astype(int) + betting.SCALE
            passed = np.flatnonzero(betting.wealth(np.cumsum(betting.gains(-delta)[bins], axis=0)) >= bar)
            when.append(int(passed[0]) + 1 if passed.size else 12_000)
        rows.append({"delta": delta, "pairs": spread(when)})
    return rows


def regressions(replications: int, seed: int) -> list[dict[str, Any]]:
    """Give bad pairs until a student at FULL, good for 20,000 pairs, is rolled back."""
    rng = np.random.default_rng(seed)
    rollout = _rollout(POLICY, State.FULL)
    rows = []
    for gap in (-0.20, -0.10, -0.05):
        when, early = [], 0
        for _ in range(replications):
            d = differences(rng, np.concatenate([np.zeros(GOOD_BEFORE), np.full(HORIZON // 4, gap)]))
            n = len(d)
            seen = list(_observations(State.FULL, 0, d, np.ones(n, dtype=bool), np.full(n, 0.05)))
            given: dict[str, Any] = {"facts": Facts(), "policy": POLICY, "now": 0.0}
            found = first_decision(rollout, Evidence(delta=POLICY.delta), seen, **given)
            early += found.taken <= GOOD_BEFORE
            when.append(found.taken - GOOD_BEFORE)
        rows.append({"gap": gap, "false_alarms": early, "pairs": spread(when)})
        sys.stdout.write(f"after {GOOD_BEFORE} good pairs, {gap:+.2f}: {rows[-1]['pairs']}\n")
    return rows


def naive(replications: int, seed: int) -> float:
    """Give how often a z-test at 5%, looked at after every pair from the 30th, passes a student at -delta."""
    rng = np.random.default_rng(seed)
    passed = 0
    for _ in range(replications):
        d = differences(rng, np.full(6000, -POLICY.delta)) + POLICY.delta
        n = np.arange(1, len(d) + 1)
        mean = np.cumsum(d) / n
        spread_ = np.sqrt(np.maximum(np.cumsum(d**2) / n - mean**2, 1e-12) / n)
        passed += bool((mean[30:] / spread_[30:] > 1.645).any())
    return passed / replications


def spread(values: Sequence[int]) -> dict[str, int] | None:
    """Give median and 90th percentile, or None of nothing."""
    if not values:
        return None
    return {"median": int(np.median(values)), "p90": int(np.percentile(values, 90))}


def main(argv: list[str]) -> dict[str, Any]:
    """Run all tables; `--replications` for each row, `--seed`."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks cutover --", description=__doc__)
    parser.add_argument("--replications", type=int, default=200)
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args(argv)
    n, seed = options.replications, options.seed
    return {
        "replications": n,
        "seed": seed,
        "delta": POLICY.delta,
        "alpha": POLICY.alpha,
        "teacher": TEACHER,
        "error_correlation": CORRELATION,
        **{plan: promotions(plan, n, seed) for plan in PLANS},
        "promotion_test_alone": alone(n, seed),
        "late_regression": regressions(max(1, n // 4), seed),
        "naive_z_test_at_margin": naive(n, seed),
    }
