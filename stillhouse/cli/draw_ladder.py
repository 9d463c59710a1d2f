"""How a climb looks in a terminal. Knows no store and no HTTP."""

from __future__ import annotations

from typing import Any

from rich.console import Console
from rich.markup import escape

from stillhouse.cli.draw import NONE, called, money, new_table, tone

_MINUTE_S = 100


def ladder(console: Console, row: dict[str, Any]) -> None:
    """Show each climb as a table, newest first, and why each rung ended as it did."""
    if not row["climbs"]:
        console.print("No ladder has been climbed yet.")
    for climb in row["climbs"]:
        console.print(
            f"[bold]{called(row['task_id'], row['name'])}[/]: job {climb['job_id']}, {tone(climb['state'])}"
        )
        shown = new_table(console, "rung", "verdict", "score", "teacher", "n", "made in", "p50", "MB", "cost")
        for rung in climb["rungs"]:
            shown.add_row(*_cells(rung, chosen=climb["chosen"]))
        console.print(shown)
        for rung in climb["rungs"]:
            console.print(f"[dim]{escape(rung['rung'])}[/]: {escape(rung['why'])}")


def _cells(rung: dict[str, Any], *, chosen: str | None) -> tuple[str, ...]:
    size, latency = rung["bytes"], rung["latency_ms"]
    mark = " *" if chosen and rung["student_id"] == chosen else ""
    return (
        escape(rung["rung"]) + mark,
        tone(rung["verdict"]),
        _score(rung["score"]),
        _score(rung["teacher_score"]),
        NONE if rung["n"] is None else str(rung["n"]),
        _seconds(rung["wall_s"]),
        NONE if latency is None else f"{latency['p50']:.0f} ms",
        NONE if size is None else f"{size / 1e6:.1f}",
        money(rung["usd"]),
    )


def _score(value: float | None) -> str:
    return NONE if value is None else f"{value:.3f}"


def _seconds(value: float | None) -> str:
    if value is None:
        return NONE
    return f"{value:.0f} s" if value < _MINUTE_S else f"{value / 60:.1f} min"
