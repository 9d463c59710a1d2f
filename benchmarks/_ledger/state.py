"""The log as it stands: how large it is, how quickly it answers. Knows no target."""

from __future__ import annotations

import time
from typing import Any

from benchmarks._ledger import asking, figures
from benchmarks._ledger.ground import Ground


def measure(ground: Ground, *, runs: int) -> dict[str, Any]:
    """Measure the log with everything in its files, and put each question to it."""
    ground.settle()
    started = time.perf_counter()
    totals = ground.log.totals()
    counted_ms = round(1000 * (time.perf_counter() - started), 1)
    size = ground.log.bytes_on_disk()
    return {
        "calls": totals.calls,
        "attempts": totals.attempts,
        "scores": totals.scores,
        "mb": round(size / 1e6, 1),
        "bytes_a_call": round(size / totals.calls, 1),
        "totals_first_ms": counted_ms,
        "queries": asking.ask(ground, runs=runs),
        "memory_peak_mb": figures.peak_mb(),
    }
