"""The chances and the costs of a cutover, by simulation with the router's own evidence and policy.

    python -m benchmarks cutover -- --replications 2000 --rollouts 2000 --seed 1

What it should give was specified before; it stands beside what it gives. Nothing here is timed, so it may run beside
anything.
"""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

from benchmarks._cutover import alone, rollouts
from benchmarks._cutover.page import page as report_of
from router.simulation.world import CORRELATION

LATE = 3  # of as many replications, one with 20,000 pairs before


def main(argv: list[str]) -> dict[str, Any]:
    """Run all tables: `--replications` at the margin, `--rollouts` of each other kind; `--seed`, `--jobs` processes."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks cutover --", description=__doc__)
    parser.add_argument("--replications", type=int, default=2000)
    parser.add_argument("--rollouts", type=int, default=2000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--jobs", type=int, default=rollouts.cores())
    options = parser.parse_args(argv)
    n, most, seed, jobs = options.rollouts, options.replications, options.seed, options.jobs
    return {
        "replications": most,
        "rollouts": n,
        "seed": seed,
        "delta": rollouts.POLICY.delta,
        "alpha": rollouts.POLICY.alpha,
        "error_correlation": CORRELATION,
        "at_margin": rollouts.at_margin(most, seed, jobs),
        "students": rollouts.students(n, seed, jobs),
        "promotion_test_alone": alone.promotion(n, seed),
        "late_regression": alone.regressions(max(1, n // LATE), seed),
        "naive": alone.naive(n, seed),
    }


def report(kept: dict[str, Any], plots: Path) -> str:
    """Write the benchmark's part of the page."""
    return report_of(kept, plots)
