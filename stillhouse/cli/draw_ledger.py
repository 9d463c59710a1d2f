"""How erasures and backups look in a terminal. Knows no store and no HTTP."""

from __future__ import annotations

from typing import Any

from rich.console import Console
from rich.markup import escape

from stillhouse.cli.draw import clock, tone

Row = dict[str, Any]
PHASES = {
    "drain": "drain: waiting until the log has all that the journal has (about half a minute)",
    "log": "log: taking the calls out of the log",
    "artifacts": "artifacts: taking their rows out of trainsets, jobs and students",
    "copies": "copies: emptying caches, deleting exports below the data folder",
    "proof": "proof: searching everything below the data folder",
}
_TAKEN = ("calls", "attempts", "scores", "feedback", "prompts")


def erasure(console: Console, row: Row) -> None:
    """Show the report of an erasure that ended."""
    report = row["report"]
    log, learnt, copies = (report.get(name, {}) for name in ("log", "artifacts", "copies"))
    taken = ", ".join(f"{log[name]:,} {name}" for name in _TAKEN if name in log)
    console.print(f"Erasure {row['erasure_id']}: {tone(row['phase'])}. {escape(report['sentence'])}")
    if taken:
        console.print(f"Taken out of the log: {taken}.")
    for trainset, rows in learnt.get("trainsets", {}).items():
        console.print(
            f"Taken out of trainset {trainset[:12]}: {rows['train']} train and {rows['heldout']} held-out rows."
        )
    _students(console, learnt)
    for path in copies.get("exports_deleted", ()):
        console.print(f"Deleted: the export {escape(path)}")
    for copy in (*copies.get("exports", ()), *copies.get("backups", ())):
        where = "" if copy["there"] else " (not seen there now)"
        console.print(
            f"Not touched: the {copy['kind']} {escape(copy['path'])} of {clock(copy['made'])}{where}"
        )
    for name in report.get("proof", {}).get("near", ()):
        console.print(f"Not counted: {escape(name)} has a longer word that it is a part of.")


def _students(console: Console, learnt: Row) -> None:
    """Say what became of whom the rows had taught, and what follows."""
    for name, words in (("students_trained", "learnt from"), ("students_tested", "was tested on")):
        for student in sorted({*learnt.get(name, ())}.difference(learnt.get("students_ended", ()))):
            console.print(
                f"Student {escape(student)} {words} such rows and stays as it is; retire it if you want."
            )
    for student in learnt.get("students_ended", ()):
        console.print(
            f"Student {escape(student)} repeated such rows: it was taken off, and its program is gone."
        )
    for task in learnt.get("retrained", ()):
        console.print(f"Task {escape(task)} is queued for another try without them.")
    for job in learnt.get("jobs_trained", ()):
        console.print(f"Job {job} has trained on such rows: its student will have learnt from them.")


def erasures(console: Console, rows: list[Row]) -> None:
    """List erasures."""
    if not rows:
        console.print("Nothing was erased yet.")
    for row in rows:
        of = f"{row['kind']}{' of ' + escape(row['tenant']) if row['tenant'] else ''}"
        calls = row["report"].get("log", {}).get("calls")
        count = "" if calls is None else f", {calls:,} calls"
        failed = row["report"].get("failed")
        trouble = f" [red]{failed['error']} in {failed['phase']}; it is tried again[/]" if failed else ""
        console.print(
            f"[dim]{clock(row['asked'])}[/] {row['erasure_id']} {of}{count}: {tone(row['phase'])}{trouble} "
            f"{escape(row['report'].get('sentence', ''))}"
        )


def backup(console: Console, row: Row) -> None:
    """Say what was copied."""
    console.print(
        f"{row['files']} files with {row['bytes'] / 1e6:,.1f} MB are in {escape(row['folder'])}. "
        "It holds the salt of this house and everything that calls said: keep it as you keep the data folder."
    )


def restored(console: Console, row: Row) -> None:
    """Say what was filled."""
    console.print(
        f"{row['files']} files with {row['bytes'] / 1e6:,.1f} MB of {clock(row['made'])} are in "
        f"{escape(row['data'])}; {row['erasures_repeated']} erasures were repeated. Start it with `stillhouse up`."
    )
