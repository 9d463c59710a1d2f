"""How an import looks in a terminal. Knows no format."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from rich.console import Console
from rich.markup import escape

Row = dict[str, Any]
_MOST = 20  # kinds of calls that are shown


def imported(console: Console, row: Row) -> None:
    """Show what came in, what was left out and what comes next."""
    what = "Brought in" if row["brought"] else "Would be brought in"
    console.print(f"{what}: {row['calls']:,} calls{_span(row)}, {row['feedback']:,} pieces of feedback.")
    others = {name: count for name, count in row["outcomes"].items() if name != "complete"}
    if others:
        listed = ", ".join(f"{count:,} {name}" for name, count in others.items())
        console.print(f"Of them {listed}: kept, and not learned from.")
    for left in row["left_out"]:
        places = ", ".join(left["places"])
        more = ", ..." if left["records"] > len(left["places"]) else ""
        console.print(f"Left out: {left['records']:,}, {escape(left['why'])} ({escape(places)}{more}).")
    if row["too_old_days"] is not None:
        console.print(
            f"Some are older than retention.days ({row['too_old_days']:g}): the next retention takes those away."
        )
    if row["kinds"]:
        _kinds(console, row)
    if row["brought"] and row["calls"]:
        console.print(_next(row))


def _kinds(console: Console, row: Row) -> None:
    kinds = row["kinds"]
    console.print(f"Kinds of calls: {len(kinds):,}.")
    for kind in kinds[:_MOST]:
        missing = kind["missing"]
        verdict = f"{missing:,} more are needed" if missing else "enough to distill"
        title = escape(kind["title"]) or "(no instructions)"
        console.print(
            f"  {kind['complete']:>7,} complete of {kind['calls']:,}  {escape(kind['model'])}  {title}  [{verdict}]",
            markup=False,
        )
    if len(kinds) > _MOST:
        console.print(f"  and {len(kinds) - _MOST:,} more")


def _next(row: Row) -> str:
    if row["running"]:
        return "They are loaded now; `stillhouse tasks` shows what they become. What was there already is not loaded again."
    return "They wait in the journal: `stillhouse up` loads them, but for what is there already, and finds the tasks."


def _span(row: Row) -> str:
    if row["first_ts"] is None:
        return ""
    first, last = (
        datetime.fromtimestamp(row[name], UTC).date().isoformat() for name in ("first_ts", "last_ts")
    )
    return f" of {first}" if first == last else f" from {first} to {last}"
