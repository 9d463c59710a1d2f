"""A student that is worse on a slice of the calls alone: whether the teacher gets that slice, and the student the rest.

    python -m benchmarks slices -- --rollouts 1000 --seed 1

Played as `cutover` is, with calls told apart by two dimensions: the slice and all else, and four of equal size that do not
matter. Nothing here is timed, so it may run beside anything.
"""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

from benchmarks import _page
from benchmarks._cutover.reference import SLICED, Sliced
from benchmarks._cutover.rollouts import POLICY, cores, played, spread
from store.vocabulary import State

Row = dict[str, Any]


def main(argv: list[str]) -> Row:
    """Play `--rollouts` of each kind, with `--seed`, in `--jobs` processes."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks slices --", description=__doc__)
    parser.add_argument("--rollouts", type=int, default=1000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--jobs", type=int, default=cores())
    options = parser.parse_args(argv)
    return {
        "rollouts": options.rollouts,
        "seed": options.seed,
        "delta_slice": POLICY.delta_slice,
        "students": [row(one, options.rollouts, options.seed, options.jobs) for one in SLICED],
    }


def row(student: Sliced, rollouts: int, seed: int, jobs: int) -> Row:
    """Give what became of one kind of student."""
    world = student.world
    weak = world.weakness.name if world.weakness else ""
    runs = played(world, POLICY, rollouts, seed, jobs)
    full = [run for run in runs if run.state == State.FULL]
    found = {
        "student": student.name,
        "full": len(full) / rollouts,
        "rolled_back": sum(run.state == State.ROLLING_BACK for run in runs) / rollouts,
        "inconclusive": sum(run.state == State.INCONCLUSIVE for run in runs) / rollouts,
        "excluded": sum(weak in run.excluded for run in runs) / rollouts,
        "others_excluded": sum(any(name != weak for name in run.excluded) for run in runs) / rollouts,
        "pairs_to_exclusion": spread([run.excluded[weak] for run in runs if weak in run.excluded]),
        "pairs": spread([run.pairs for run in full]),
        "calls": spread([run.calls for run in full]),
    }
    print(found, flush=True)
    return found


def report(kept: Row, plots: Path) -> str:  # noqa: ARG001 - it has no plot
    """Write the benchmark's part of the page."""
    known, found = {one.name: one for one in SLICED}, kept["result"]
    heads = ["the slice", "FULL", "expected", "slice excluded", "expected", "another excluded", "rolled back"]
    heads += ["pairs to exclusion", "pairs to FULL", "expected", "calls to FULL"]
    cells = []
    for one in found["students"]:
        expected = known[one["student"]]
        cells.append(
            [
                one["student"],
                f"{one['full']:.1%}",
                _part(expected.full),
                f"{one['excluded']:.1%}",
                _part(expected.excluded),
                f"{one['others_excluded']:.1%}",
                f"{one['rolled_back']:.1%}",
                _spread(one["pairs_to_exclusion"]),
                _spread(one["pairs"]),
                "-" if expected.pairs is None else f"{expected.pairs[0]:,}/{expected.pairs[1]:,}",
                _spread(one["calls"]),
            ]
        )
    return f"{_page.ran(kept)} {found['rollouts']:,} rollouts a row.\n\n{_page.table(heads, cells)}"


def _part(share: float | None) -> str:
    return "-" if share is None else f"{share:.1%}"


def _spread(value: dict[str, int] | None) -> str:
    return "-" if value is None else f"{value['median']:,}/{value['p90']:,}"
