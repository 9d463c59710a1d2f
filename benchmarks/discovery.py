"""How well tasks are told apart: thirty generated apps, whose calls go through fingerprint and grouper.

Each app has between 800 and 50,000 calls, in a week; the grouper looks after every 200 calls, and what it finds is
in use 50 calls later. For each seed the apps, what they say and what they are told are others. ARI: adjusted Rand index.

    python -m benchmarks discovery -- --seeds 10 --most 5000
"""

from __future__ import annotations

import argparse
import dataclasses
import sys
from typing import Any

from benchmarks._discovery.measure import play


def main(argv: list[str]) -> dict[str, Any]:
    """Play each seed; return what was found, and the least of the indices."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks discovery --", description=__doc__)
    parser.add_argument("--seeds", type=int, default=10)
    parser.add_argument("--first", type=int, default=1, help="seed")
    parser.add_argument("--least", type=int, default=800, help="calls of an app")
    parser.add_argument("--most", type=int, default=50_000, help="calls of an app")
    parser.add_argument("--every", type=int, default=200, help="calls between two looks of the grouper")
    parser.add_argument("--lag", type=int, default=50, help="calls until a template is in use")
    wish = parser.parse_args(argv)
    found = []
    for seed in range(wish.first, wish.first + wish.seeds):
        played = play(seed, least=wish.least, most=wish.most, every=wish.every, lag=wish.lag)
        found.append({"seed": seed, **dataclasses.asdict(played)})
        sys.stdout.write(f"  {found[-1]}\n")
        sys.stdout.flush()
    return {
        **vars(wish),
        "least_tasks_ari": min(one["tasks"] for one in found),
        "least_versions_ari": min(one["versions"] for one in found),
        "mixes": found,
    }
