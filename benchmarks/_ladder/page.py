"""The ladder's part of the page of results. Knows no student."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from benchmarks import _page


def section(kept: dict[str, Any], _plots: Path) -> str:
    """Write the table: a row for each task, rung and number of logged calls that was ever measured."""
    heads = [
        "task", "rung", "logged calls", "held out", "screen", "its test file", "exact", "teacher calls, $", "training, s",
        "answer p50, ms", "MB",
    ]  # fmt: skip
    return _page.table(heads, [_row(row) for row in kept["result"]["rows"]])


def _row(row: dict[str, Any]) -> list[str]:
    head = [row["task"], f"`{row['rung']}`", f"{row['calls']:,}"]
    if "heldout" not in row:
        return [*head, "", f"{row['verdict']}: {row['why']}", "", "", "", "", "", ""]
    test, held, trained = row["test"], row["heldout"], row.get("seconds")
    verdict = row["verdict"] if row["verdict"] == "pass" else f"**{row['verdict']}**"
    f1 = f"; field F1 {_three(test['slot_f1'])}" if test.get("slot_f1") is not None else ""
    return [
        *head,
        f"{_three(held['score'])} of {held['n']}",
        verdict,
        f"{_three(test['score'])} of {test['n']} ({_three(test['low'])} to {_three(test['high'])}){f1}",
        _three(test["exact"]) if test.get("exact") is not None else "",
        f"{row.get('usd', 0):.2f}",
        "" if trained is None else f"{trained:,.0f}",
        f"{test['alone_p50_ms']:,.0f}" if test.get("alone_p50_ms") is not None else "",
        f"{row['bytes'] / 1e6:,.1f}" if "bytes" in row else "",
    ]


def _three(part: float) -> str:
    return f"{part:.3f}".removeprefix("0") if part < 1 else f"{part:.3f}"
