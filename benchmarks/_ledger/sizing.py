"""The results of `ledger` as a part of a page, with plots. Knows nothing that is not in a result."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from benchmarks._page import ran, table
from benchmarks._plots import lines

_MET = {True: "met", False: "**missed**", None: "not measured"}


def section(kept: dict[str, Any], plots: Path) -> str:
    """Return the part of the page about `ledger`."""
    found = kept["result"]
    nature, sizes = found["traffic"], found["sizes"]
    ack, seen, burst = found["acknowledgement"], found["visibility"], found["burst"]
    nature_said = (
        f"{ran(kept)} Traffic: {nature['bytes_sent_a_call']:,} bytes sent a call over request and answer, "
        f"{nature['attempts_a_call']} attempts a call, {nature['streamed']:.0%} streamed; zlib makes the user messages "
        f"{nature['zlib_ratio_of_user_messages']} times smaller (English: 2.5 to 3.5)."
    )
    journal = (
        f"**Journal.** At {ack['rate']} calls/s a call with its outcome is on the disk after {_both(ack['synced'])}. "
        f"One process appends {ack['appends_s']:,} records/s ({ack['calls_s']:,} calls/s, {ack['cpu_us_a_call']} us of "
        "CPU a call)."
    )
    arriving = (
        f"**Arriving.** At {seen['rate']} calls/s a page shows a call after {_both(seen)}. A burst of "
        f"{burst['rate']:,} calls/s for {burst['seconds']:g} s was written in {burst['fed_after_s']} s, left at most "
        f"{burst['backlog_most_records']:,} records waiting and was loaded {burst['caught_up_after_s']} s after its start."
    )
    parts = (
        nature_said,
        table(["what", "figure", "target", ""], [_target(row) for row in found["targets"]]),
        journal,
        arriving,
        "**By size.** Queries: median / 99th percentile in milliseconds.",
        table(["", *(f"{size['calls']:,} calls" for size in sizes)], list(_by_size(sizes))),
        *_ledger_plots(found, plots),
    )
    return "\n\n".join(parts)


def _ledger_plots(found: dict[str, Any], plots: Path) -> tuple[str, ...]:
    sizes = found["sizes"]
    asked = {
        name: [(size["calls"], size["queries"][name]["p50_ms"]) for size in sizes]
        for name in sizes[0]["queries"]
    }
    disk = [(size["calls"], size["bytes_a_call"]) for size in sizes]
    n = "calls in the log"
    return (
        lines(
            plots / "ledger-ingest.svg",
            {"ingest": found["ingest"]},
            x=n,
            y="calls/s loaded",
            bound=2_000,
            y_scale="linear",
        ),
        lines(plots / "ledger-queries.svg", asked, x=n, y="median, ms"),
        lines(plots / "ledger-disk.svg", {"disk": disk}, x=n, y="bytes a call", bound=800, y_scale="linear"),
    )


def _target(row: dict[str, Any]) -> list[str]:
    sign = "at least" if row["at_least"] else "at most"
    return [row["what"], f"{row['figure']:,} {row['unit']}", f"{sign} {row['bound']:,}", _MET[row["met"]]]


def _both(spread: dict[str, Any]) -> str:
    return f"{spread['p50_ms']:,} ms (median; 99th percentile {spread['p99_ms']:,} ms)"


def _by_size(sizes: list[dict[str, Any]]) -> Any:
    for name, key in _FACTS.items():
        yield [name, *(f"{size[key]:,}" for size in sizes)]
    for name in sizes[0]["queries"]:
        asked = [size["queries"][name] for size in sizes]
        yield [name, *(_asked(row) for row in asked)]


def _asked(row: dict[str, Any]) -> str:
    """Show a query's times; a search that ran out of time says so."""
    return f"{row['p50_ms']:,} / {row['p99_ms']:,}{'' if row['complete'] else ' (gave up)'}"


_FACTS = {
    "bytes a call on disk": "bytes_a_call",
    "calls/s loaded, median batch": "ingest_s",
    "calls/s loaded, slowest batch": "ingest_slowest_s",
    "scores/s added": "scores_s",
    "totals, counted for the first time, ms": "totals_first_ms",
    "memory at most, MB": "memory_peak_mb",
}
