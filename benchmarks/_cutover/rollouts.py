"""Whole rollouts, many of each kind. Knows no page."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Iterable, Sequence
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from typing import Any

import numpy as np

from benchmarks._cutover.reference import STUDENTS, Student
from router.figures import spend
from router.settings import RolloutPolicy
from router.simulation.course import Run, play
from router.simulation.world import Shape, World
from store.vocabulary import State, TaskMode

POLICY = RolloutPolicy(mode=TaskMode.AUTO)
TEACHERS = (0.80, 0.85, 0.90, 0.95)
MARGINS = (0.02, 0.03, 0.05)
POINTS = 20  # of a distribution


def students(replications: int, seed: int, jobs: int) -> list[dict[str, Any]]:
    """Give one row for each kind of student of the reference table."""
    return [_student(student, replications, seed, jobs) for student in STUDENTS]


def at_margin(replications: int, seed: int, jobs: int) -> list[dict[str, Any]]:
    """Give one row for each teacher, margin and shape of a student that is worse by exactly the margin."""
    worlds = [(World(gap=-delta, teacher=teacher), delta) for teacher in TEACHERS for delta in MARGINS]
    worlds += [(World(gap=-d, shape=shape), d) for shape in (Shape.LOSSES, Shape.RARE) for d in MARGINS]
    rows = []
    for world, delta in worlds:
        policy = RolloutPolicy(mode=TaskMode.AUTO, delta=delta)
        runs = played(world, policy, replications, seed, jobs)
        rows.append(
            {
                "teacher": world.teacher if world.shape == Shape.ERRORS else None,
                "shape": str(world.shape),
                "delta": delta,
                "left_shadow": sum(run.left_shadow for run in runs) / len(runs),
                "full": sum(run.state == State.FULL for run in runs) / len(runs),
                "rolled_back": sum(run.state == State.ROLLING_BACK for run in runs) / len(runs),
                "bound": spend(policy.alpha, 1),
            }
        )
        print(f"at the margin: {rows[-1]}", flush=True)
    return rows


def spread(values: Sequence[int]) -> dict[str, int] | None:
    """Give median and 90th percentile, or None of nothing."""
    if not values:
        return None
    return {"median": int(np.median(values)), "p90": int(np.percentile(values, 90))}


def _student(student: Student, replications: int, seed: int, jobs: int) -> dict[str, Any]:
    runs = played(student.world, POLICY, replications, seed, jobs)
    full = [run for run in runs if run.state == State.FULL]
    back = [run for run in runs if run.state == State.ROLLING_BACK]
    ended = full if student.full else back
    row = {
        "student": student.name,
        "full": len(full) / replications,
        "rolled_back": len(back) / replications,
        "inconclusive": sum(run.state == State.INCONCLUSIVE for run in runs) / replications,
        "left_shadow": sum(run.left_shadow for run in runs) / replications,
        "pairs": spread([run.pairs for run in ended]),
        "served_pairs": spread([run.served for run in ended]),
        "calls": spread([run.calls for run in ended]),
        "causes": dict(Counter(run.causes[-1] for run in back)),
        "decided": _distribution([run.calls for run in full or back], replications),
    }
    print({name: value for name, value in row.items() if name != "decided"}, flush=True)
    return row


def played(world: World, policy: RolloutPolicy, replications: int, seed: int, jobs: int) -> list[Run]:
    """Play runs, each with a seed of its own: the number of processes changes nothing."""
    seeds = range(seed * 1_000_003, seed * 1_000_003 + replications)
    one = partial(play, world, policy)
    if jobs == 1:
        return list(map(one, seeds))
    with ProcessPoolExecutor(jobs) as pool:
        return list(pool.map(one, seeds, chunksize=max(1, replications // (8 * jobs))))


def _distribution(calls: Iterable[int], replications: int) -> list[tuple[int, float]]:
    """Give `(calls, share of all runs that had ended by then)`."""
    ordered = sorted(calls)
    at = sorted({round(i * (len(ordered) - 1) / POINTS) for i in range(POINTS + 1)}) if ordered else []
    return [(ordered[i], (i + 1) / replications) for i in at]


def cores() -> int:
    """Give how many processes may run at once."""
    return os.cpu_count() or 1
