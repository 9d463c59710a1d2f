"""What the ledger is held to, and whether what was measured meets it. Pure."""

from __future__ import annotations

from typing import Any

from benchmarks._ledger.asking import TRAINSET

_MILLION = 1_000_000


def judged(found: dict[str, Any]) -> list[dict[str, Any]]:
    """Return a row for each target. Queries are judged by their medians at the largest log measured.

    `met` is None where the run was too small for the target to mean anything.
    """
    largest = found["sizes"][-1]
    asked = {name: row["p50_ms"] for name, row in largest["queries"].items()}
    synced, burst = found["acknowledgement"]["synced"], found["burst"]
    held = min(size["ingest_s"] for size in found["sizes"])
    pages = max((name for name in asked if name.startswith("page")), key=lambda name: asked[name])
    dashboard = sum(ms for name, ms in asked.items() if name.startswith("dashboard"))
    rows = [
        _row("call on the disk, median", synced["p50_ms"], 10, "ms"),
        _row("call on the disk, 99th percentile", synced["p99_ms"], 60, "ms"),
        _row("ingest held, slowest size", held, 2_000, "calls/s", at_least=True),
        _row(
            f"loaded after a burst of {burst['rate']:,} calls/s for {burst['seconds']:g} s",
            round(burst["caught_up_after_s"] - burst["seconds"], 1),
            1,
            "s",
        ),
        _row("visible in the log, 99th percentile", found["visibility"]["p99_ms"], 1_000, "ms"),
        _row(f"trainset of {TRAINSET:,}", asked[f"trainset of {TRAINSET:,}"], 2_000, "ms"),
        _row("dashboard over 7 days", round(dashboard, 1), 250, "ms"),
        _row("one call", asked["one call"], 25, "ms"),
        _row(f"slowest page ({pages.partition(': ')[2]})", asked[pages], 500, "ms"),
        _row("scores added", largest["scores_s"], 10_000, "scores/s", at_least=True),
        _row("disk for a call", largest["bytes_a_call"], 800, "bytes"),
    ]
    if largest["calls"] < _MILLION:
        rows[-1]["met"] = None  # prompts are not yet spread over enough calls
    return rows


def _row(what: str, figure: float, bound: float, unit: str, *, at_least: bool = False) -> dict[str, Any]:
    met = figure >= bound if at_least else figure <= bound
    return {"what": what, "figure": figure, "bound": bound, "at_least": at_least, "unit": unit, "met": met}
