"""How costs look in a terminal. Knows no store and no HTTP."""

from __future__ import annotations

from typing import Any

from rich.console import Console
from rich.markup import escape

from stillhouse.cli.draw import called, money, new_table

_LINES = (
    ("a teacher's call", "teacher_usd"),
    ("a student's call", "student_usd"),
    ("answered by students, at the difference", "gross_usd"),
    ("less pairs (shadow and reverse shadow)", "pairs_usd"),
    ("less answers that were not sure enough", "deferred_usd"),
    ("less judges", "judge_usd"),
    ("less training", "training_usd"),
    ("less serving, busy and idle", "serving_usd"),
    ("saved net", "net_usd"),
    ("each day, at the rate of the last week", "net_usd_day"),
)


def cost(console: Console, row: dict[str, Any]) -> None:
    """Show what a task saves, and what its next distillation would take."""
    found, wanted = row["savings"], row["estimate"]
    console.print(f"[bold]{called(row['task_id'], row['name'])}[/]: {escape(found['words'])}")
    table = new_table(console, "", "US dollars")
    for words, key in _LINES:
        table.add_row(words, money(found[key]))
    console.print(table)
    console.print(
        f"{found['answered']:,} calls were answered by students, {found['deferred']:,} given up to the teacher."
    )
    if wanted is not None:
        cap = f"; begun by itself up to {money(wanted['max_usd'])}"
        console.print(f"The next distillation takes {escape(wanted['words'])}{cap}.")
