"""The results of `growth` as a part of a page, with plots. Knows nothing that is not in a result."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from benchmarks._page import ran, table
from benchmarks._plots import lines

_FACTS = {
    "calls": "calls",
    "MB on disk": "mb",
    "bytes a call": "bytes_a_call",
    "memory at most, MB": "memory_peak_mb",
}


def section(kept: dict[str, Any], plots: Path) -> str:
    """Return the part of the page about `growth`."""
    found = kept["result"]
    days, afterwards = found["days"], found["afterwards"]
    grows = ", ".join(f"{name} {b}" for name, b in found["exponents"].items() if b is not None)
    columns = [*(f"day {day['day']}" for day in days), *(state["after"] for state in afterwards)]
    said = (
        f"{ran(kept)} {found['per_day']:,} calls a day for {found['of_days']} days, every one of them through journal and "
        "ingester. Queries: medians in milliseconds."
    )
    steps = ", ".join(f"{state['after']} took {state['took_s']} s" for state in afterwards)
    parts = (
        said,
        table(["", *columns], list(_rows([*days, *afterwards]))),
        f"Afterwards: {steps}.",
        f"Growth as the exponent b in calls^b (1: as fast as the data; 0: not at all): {grows or 'too few days'}.",
        f"Faster than the data: {', '.join(found['faster_than_data']) or 'nothing'}.",
        *_plots(days, plots),
    )
    return "\n\n".join(parts)


def _rows(states: list[dict[str, Any]]) -> Iterator[list[str]]:
    for name, key in _FACTS.items():
        yield [name, *(f"{state[key]:,}" for state in states)]
    for name in states[0]["queries"]:
        yield [name, *(f"{state['queries'][name]['p50_ms']:,}" for state in states)]


def _plots(days: list[dict[str, Any]], plots: Path) -> tuple[str, ...]:
    calls = "calls in the log"
    asked = {
        name: [(day["calls"], day["queries"][name]["p50_ms"]) for day in days] for name in days[0]["queries"]
    }
    disk = {"disk": [(day["calls"], day["mb"]) for day in days]}
    loaded = {"ingest": [(day["calls"], day["ingest_s"]) for day in days]}
    return (
        lines(plots / "growth-queries.svg", asked, x=calls, y="median, ms"),
        lines(plots / "growth-disk.svg", disk, x=calls, y="MB on disk", scale="linear", y_scale="linear"),
        lines(
            plots / "growth-ingest.svg", loaded, x=calls, y="calls/s loaded", scale="linear", y_scale="linear"
        ),
    )
