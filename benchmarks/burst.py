"""What a burst leaves behind, by itself: the measure of `ledger` that says how much the ingester can take.

python -m benchmarks burst -- --size 100000
"""

from __future__ import annotations

import argparse
import tempfile
from pathlib import Path
from typing import Any

from benchmarks._ledger import arriving
from benchmarks._ledger.figures import say
from benchmarks._ledger.ground import Ground

_PER_DAY = 100_000


def main(argv: list[str]) -> dict[str, Any]:
    """Fill a log, send the burst, return what it left behind."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks burst --", description=__doc__)
    parser.add_argument("--size", type=int, default=0, help="calls in the log before it")
    parser.add_argument("--rate", type=int, default=8_000, help="calls a second")
    parser.add_argument("--seconds", type=float, default=10.0)
    wish = parser.parse_args(argv)
    with tempfile.TemporaryDirectory() as folder, Ground(Path(folder, "data"), _PER_DAY) as ground:
        if wish.size:
            ground.pour(wish.size, ahead=True)
        found = arriving.burst(ground, rate=wish.rate, seconds=wish.seconds)
    say("burst", found)
    return {"calls_before": wish.size, **found}
