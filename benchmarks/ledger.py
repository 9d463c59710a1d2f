"""What the ledger costs and holds: acknowledging, loading, finding, keeping, as the log grows.

Traffic like an app's (`benchmarks._ledger.traffic`) goes through the real journal, ingester and log. Each measure runs by
itself; medians and 99th percentiles of several runs.

    python -m benchmarks ledger -- --sizes 10000,100000,1000000
"""

from __future__ import annotations

import argparse
import statistics
import tempfile
import zlib
from pathlib import Path
from typing import Any

from benchmarks._ledger import acknowledging, arriving, sizing, state, targets
from benchmarks._ledger.figures import say
from benchmarks._ledger.ground import Ground, Poured
from benchmarks._ledger.traffic import Asked, Traffic

_PER_DAY = 100_000
report = sizing.section


def main(argv: list[str]) -> dict[str, Any]:
    """Run all measures; return them with the targets."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks ledger --", description=__doc__)
    parser.add_argument("--sizes", default="10000,100000,1000000", help="calls in the log, ascending")
    parser.add_argument(
        "--seconds", type=float, default=20.0, help="of the paced measures; the burst has half of it"
    )
    parser.add_argument("--burst", type=int, default=8_000, help="calls a second")
    parser.add_argument("--runs", type=int, default=15, help="of each query")
    wish = parser.parse_args(argv)
    sizes = [int(size) for size in wish.sizes.split(",")]
    with tempfile.TemporaryDirectory() as folder:
        acknowledged = acknowledging.measure(
            Path(folder, "acks"), Traffic(per_day=_PER_DAY, seed=3), rate=500, seconds=wish.seconds
        )
        say("acknowledgement", acknowledged)
        with Ground(Path(folder, "data"), _PER_DAY) as ground:
            found: dict[str, Any] = {"acknowledgement": acknowledged, "sizes": [], "ingest": []}
            for size in sizes:
                poured = ground.pour(size - ground.calls)
                found["ingest"] += [[batch.calls, batch.ingest_s] for batch in poured]
                found["sizes"].append(_size(ground, poured, wish.runs))
            found["traffic"] = _nature(ground.sample)
            found["visibility"] = arriving.visibility(ground, rate=200, seconds=wish.seconds)
            say("visibility", found["visibility"])
            found["burst"] = arriving.burst(ground, rate=wish.burst, seconds=wish.seconds / 2)
            say("burst", found["burst"])
    found["targets"] = targets.judged(found)
    for target in found["targets"]:
        say("target", target)
    return found


def _size(ground: Ground, poured: list[Poured], runs: int) -> dict[str, Any]:
    """Measure the log as large as it is now; `poured` brought it here."""
    measured = state.measure(ground, runs=runs) | {
        "ingest_s": round(statistics.median(batch.ingest_s for batch in poured)),
        "ingest_slowest_s": min(batch.ingest_s for batch in poured),
        "scores_s": round(statistics.median(batch.scores_s for batch in poured)),
    }
    say("size", measured)
    return measured


def _nature(sample: list[Asked]) -> dict[str, Any]:
    """Say what the traffic is like, so that nobody takes its figures for those of other traffic."""
    said = "\n".join(item.text for item in sample).encode()
    return {
        "bytes_sent_a_call": round(statistics.mean(item.sent_bytes for item in sample)),
        "attempts_a_call": round(statistics.mean(len(item.attempts) for item in sample), 3),
        "streamed": round(statistics.mean(item.call.stream for item in sample), 3),
        "zlib_ratio_of_user_messages": round(len(said) / len(zlib.compress(said, 6)), 2),
    }
