"""Figures out of measurements: percentiles, memory, how a thing grows. Knows no measured thing."""

from __future__ import annotations

import json
import math
import resource
import sys
import time
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np


def spread(seconds: Sequence[float]) -> dict[str, Any]:
    """Return the median and the 99th percentile in milliseconds, and of how many."""
    p50, p99 = (round(float(p) * 1000, 2) for p in np.percentile(seconds, (50, 99)))
    return {"p50_ms": p50, "p99_ms": p99, "of": len(seconds)}


def timed(work: Callable[[], Any], *, runs: int, at_most_s: float) -> tuple[dict[str, Any], Any]:
    """Do it once without a watch, then `runs` times, fewer once the time is spent; return the spread, and what came."""
    found = work()
    seconds: list[float] = []
    while len(seconds) < runs and sum(seconds) < at_most_s:
        started = time.perf_counter()
        found = work()
        seconds.append(time.perf_counter() - started)
    return spread(seconds), found


def peak_mb() -> int:
    """Return the most memory that this process has had so far, in MB."""
    unit = 1 if sys.platform == "darwin" else 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit // 1_000_000


def exponent(sizes: Sequence[float], values: Sequence[float]) -> float | None:
    """Return b of `value = a * size ** b` by least squares on logarithms: 1 grows as its data do, 0 not at all.

    None of fewer than three points.
    """
    if len(sizes) < 3:
        return None
    logs = [[math.log(max(value, 1e-9)) for value in given] for given in (sizes, values)]
    return round(float(np.polyfit(logs[0], logs[1], 1)[0]), 2)


def say(what: str, found: dict[str, Any]) -> None:
    """Tell who waits what was measured just now."""
    sys.stdout.write(f"{what}: {json.dumps(found)}\n")
    sys.stdout.flush()
