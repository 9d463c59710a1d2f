"""What a month does to the log: size and query times at the end of every fifth day, after sealing and after retention.

Every call goes through the journal and the ingester; nothing is copied in. At 100,000 calls a day this takes half an hour.

    python -m benchmarks growth -- --days 30 --per-day 100000
"""

from __future__ import annotations

import argparse
import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from benchmarks._ledger import growing, state
from benchmarks._ledger.figures import exponent, say
from benchmarks._ledger.ground import Ground
from benchmarks._ledger.traffic import DAY_S
from store.log import Log, Retention

_SEALS_AFTER_S = 38 * DAY_S  # the month has ended, and what arrives late has had its week
_FASTER = 1.1  # an exponent above this is no noise
report = growing.section


def main(argv: list[str]) -> dict[str, Any]:
    """Fill the log day by day; return what was measured, and what grows faster than its data."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks growth --", description=__doc__)
    parser.add_argument("--days", type=int, default=30)
    parser.add_argument("--per-day", type=int, default=100_000, help="calls")
    parser.add_argument("--every", type=int, default=5, help="days between measurements")
    parser.add_argument("--keep", type=int, default=20, help="days that the retention at the end keeps")
    parser.add_argument("--runs", type=int, default=7, help="of each query")
    wish = parser.parse_args(argv)
    days = []
    with (
        tempfile.TemporaryDirectory() as folder,
        Ground(Path(folder), wish.per_day) as ground,
    ):
        for day in range(1, wish.days + 1):
            poured = ground.pour(wish.per_day, ahead=True)
            if day % wish.every and day != wish.days:
                continue
            held = round(statistics.median(batch.ingest_s for batch in poured))
            days.append({"day": day, "ingest_s": held, **state.measure(ground, runs=wish.runs)})
            say("day", days[-1])
        later = ground.traffic.now + _SEALS_AFTER_S
        keeping = Retention(days=wish.keep + _SEALS_AFTER_S / DAY_S, now=later)
        afterwards = [
            _afterwards(ground, "sealing", lambda: _seal(ground.log, later), wish.runs),
            _afterwards(
                ground, f"keeping {wish.keep} days", lambda: ground.log.apply_retention(keeping), wish.runs
            ),
        ]
    grows = _exponents(days)
    return {
        "per_day": wish.per_day,
        "of_days": wish.days,
        "days": days,
        "afterwards": afterwards,
        "exponents": grows,
        "faster_than_data": [name for name, b in grows.items() if b is not None and b > _FASTER],
    }


def _seal(log: Log, now: float) -> None:
    """Seal every month that has ended."""
    while log.seal(now):
        pass


def _afterwards(ground: Ground, after: str, do: Callable[[], object], runs: int) -> dict[str, Any]:
    """Do something to the log; return what it took and how the log is then."""
    started = time.perf_counter()
    do()
    took = round(time.perf_counter() - started, 1)
    found = {"after": after, "took_s": took, **state.measure(ground, runs=runs)}
    say("afterwards", found)
    return found


def _exponents(days: list[dict[str, Any]]) -> dict[str, float | None]:
    """Return for the disk and each query how it grows with the calls."""
    calls = [day["calls"] for day in days]
    grows = {"disk": exponent(calls, [day["mb"] for day in days])}
    for name in days[0]["queries"]:
        grows[name] = exponent(calls, [day["queries"][name]["p50_ms"] for day in days])
    return grows
