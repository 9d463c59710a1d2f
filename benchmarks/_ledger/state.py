"""The log as it stands: how large it is, how quickly it answers. Knows no target."""

from __future__ import annotations

from typing import Any

from benchmarks._ledger import asking, figures
from benchmarks._ledger.ground import Ground


def measure(ground: Ground, *, runs: int) -> dict[str, Any]:
    """Measure the log with everything in its files, and put each question to it."""
    ground.settle()
    size, totals = ground.log.bytes_on_disk(), ground.log.totals()
    return {
        "calls": totals.calls,
        "attempts": totals.attempts,
        "scores": totals.scores,
        "mb": round(size / 1e6, 1),
        "bytes_a_call": round(size / totals.calls, 1),
        "queries": asking.ask(ground, runs=runs),
        "memory_peak_mb": figures.peak_mb(),
    }
