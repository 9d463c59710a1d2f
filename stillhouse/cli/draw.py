"""How answers look in a terminal. Knows no store and no HTTP; text from calls is never read as markup."""

from __future__ import annotations

import json
import time
from typing import Any

from rich.console import Console
from rich.markup import escape
from rich.table import Table

Row = dict[str, Any]
CENT = 0.01
LEAST_SHOWN = 0.0001
WHOLE = frozenset({"calls", "mode", "state", "share", "proof", "score", "call", "by", "outcome", "verdict"})
WIDE = 120  # columns that hold all of a call
NONE = "–"  # noqa: RUF001 - a dash for what is not known
TONE = {
    **dict.fromkeys(("full", "complete", "done", "ok", "pass"), "green"),
    **dict.fromkeys(("rolled_back", "rolling_back", "rejected", "hold", "failed", "error", "fail"), "red"),
    **dict.fromkeys(("inconclusive", "awaiting_approval", "warning", "distilling"), "yellow"),
}


def status(console: Console, s: Row) -> None:
    """Show the house on one screen."""
    hour = s["last_hour"]
    running = "[green]running[/]" if s["running"] else "[yellow]control is not running[/]"
    console.print(f"[bold]Stillhouse[/] {s['version']}, {running}; data in {escape(s['data'])}")
    if s["base_url"]:
        console.print(f"Apps use OPENAI_BASE_URL={s['base_url']}")
    if s["students_stopped"]:
        console.print("[red]Students are stopped[/]; `stillhouse stop-students --resume` ends this.")
    console.print(
        f"{s['calls']:,} calls logged, {hour['calls']:,} in the last hour ({percent(hour['student_share'])} answered "
        f"by students); {money(s['spent_usd'])} spent; {s['disk_bytes'] / 1e6:,.1f} MB on disk"
    )
    if s["ledger"]:
        console.print(_ledger(s["ledger"]))
        for found in s["ledger"]["unaccounted"]:
            console.print(f"[red]The ledger does not add up[/]: {escape(found['text'])}")
    tasks(console, s["tasks"])
    for job in s["jobs"]:
        console.print(f"Under way: {job['kind']} {called(job['task_id'], job['name'])}: {progress(job)}")
    for decision in s["decisions"][:5]:
        console.print(
            f"[dim]{clock(decision['ts'])}[/] {called(decision['task_id'], decision['name'])}: {escape(decision['why'])}"
        )


def tasks(console: Console, rows: list[Row]) -> None:
    """Show tasks in a table."""
    if not rows:
        console.print("No task yet. Calls that repeat their instructions become a task.")
        return
    table = new_table(console, "task", "calls", "mode", "state", "share", "proof", "score")
    for row in rows:
        seen = row["evidence"]
        table.add_row(
            _cell(console, row["task_id"], row["name"]),
            f"{row['calls']:,}",
            row["mode"],
            tone(row["state"]),
            percent(row["share"]),
            percent(seen["part"]) if seen else NONE,
            percent(row["teacher_score"]),
        )
    console.print(table)


def task(console: Console, row: Row) -> None:
    """Show one task."""
    tasks(console, [row])
    if row["left_alone"]:
        console.print(f"[yellow]It {escape(row['left_alone'])}.[/]")
    for version in row["versions"]:
        console.print(wording(version))
    for line in row["history"]:
        console.print(f"[dim]{clock(line['ts'])}[/] {escape(line['sentence'])}")
    for check in () if row["left_alone"] else row["readiness"]:
        console.print(f"{'[green]✓[/]' if check['ok'] else '[yellow]○[/]'} {escape(check['words'])}")
    for sentence in _scored(row):
        console.print(sentence)
    seen = row["evidence"]
    if seen:
        console.print(_evidence(seen))
    for t in row["transitions"][-10:]:
        console.print(f"[dim]{clock(t['ts'])}[/] {t['source']} → {tone(t['target'])}: {escape(t['why'])}")


def _scored(row: Row) -> list[str]:
    """Say what is known of the scores: what users did, and how the judge differs from people."""
    judge, said = row["judge"], row["signals"]
    found = [f"Signals: {', '.join(f'{word} {count:,}' for word, count in said.items())}."] if said else []
    if idle := [word for word in said if word not in row["signals_worth"]]:
        known = ", ".join(row["signals_worth"])
        found.append(
            f"[yellow]Of these {escape(', '.join(idle))} counts as nothing: policy.signals knows {escape(known)}.[/]"
        )
    if row["self_agreement"]:
        words = row["self_agreement"]["words"]
        found.append(escape(f"{words[0].upper()}{words[1:]}."))
    if judge["words"]:
        found.append(f"The judge: {escape(judge['words'])}.")
    if judge["drawn"] > judge["labelled"]:
        waiting = judge["drawn"] - judge["labelled"]
        found.append(
            f"{waiting:,} judged answers wait for a person: `stillhouse audit {escape(row['task_id'])}`."
        )
    return found


def wording(version: Row) -> str:
    """Say what is known of a version."""
    prints = version["fingerprints"]
    came = f", was {escape(version['moved_from'])}" if version["moved_from"] else ""
    many = "" if prints == 1 else "s"
    return (
        f"Version {version['version']}: since {clock(version['created'])}, {prints} fingerprint{many}{came}"
    )


def calls(console: Console, page: Row) -> None:
    """Show calls in a table, and where to go on."""
    rows, following = page["rows"], page["next_seq"]
    if rows:
        _calls(console, rows)
    elif page["complete"]:
        console.print("No call matches.")
    if not page["complete"]:
        console.print(
            f"The time was up: looked down to place {following:,} of the log; go on with --before {following}."
        )
    elif rows and following is not None:
        console.print(f"[dim]Earlier ones: --before {following}[/]")


def _calls(console: Console, rows: list[Row]) -> None:
    names = ("time", "call", "task", "by", "outcome", "surface", "model", "ms", "tokens", "cost")
    shown = len(names) if console.width >= WIDE else 5  # a narrow terminal keeps the ids whole instead
    table = new_table(console, *names[:shown])
    for row in rows:
        tokens = f"{row['prompt_tokens'] or 0}+{row['completion_tokens'] or 0}"
        cells = (
            clock(row["ts"]),
            row["call_id"],
            _cell(console, row["task"], row["name"]) if row["task"] else NONE,
            row["who"] or NONE,
            tone(row["outcome"] or "open"),
            row["surface"],
            escape(row["model"] or NONE),
            NONE if row["duration_ms"] is None else f"{row['duration_ms']:.0f}",
            tokens,
            money(row["cost_usd"]),
        )
        table.add_row(*cells[:shown])
    console.print(table)


def call(console: Console, row: Row) -> None:
    """Show one call whole."""
    if others := row["same_completion_id"]:
        console.print(f"This is the latest of {len(others) + 1} calls whose answer has this id.")
    console.print(json.dumps(row, ensure_ascii=False, indent=2), markup=False, highlight=False)


def students(console: Console, rows: list[Row]) -> None:
    """Show students in a table."""
    if not rows:
        console.print("No student yet.")
        return
    names = ("student", "task", "verdict", "server", "made", "base", "parity")
    shown = len(names) if console.width >= WIDE else 4
    table = new_table(console, *names[:shown])
    for row in rows:
        evaluation, server = row["evaluation"], row["server"]
        cells = (
            row["student_id"],
            _cell(console, row["task_id"], row["name"]),
            tone(evaluation["verdict"]) if evaluation else NONE,
            f"pid {server['pid']}" if server and server["pid"] else "stopped",
            clock(row["created"]),
            escape(row["base"]),
            percent(row["parity"]),
        )
        table.add_row(*cells[:shown])
    console.print(table)


def story(console: Console, row: Row) -> None:
    """Show the story of a task."""
    console.print(
        f"{called(row['task_id'], row['name'])}: {tone(row['state'])}, share {percent(row['share'])}"
    )
    for line in row["story"]:
        console.print(f"[dim]{clock(line['ts'])}[/] {line['kind']}: {escape(line['sentence'])}")
    for said in row["stands"]:
        console.print(escape(said))
    for waiting in row["waiting_for"]:
        console.print(f"[yellow]waits for[/] {escape(waiting)}")


def findings(console: Console, rows: list[Row]) -> None:
    """Show the doctor's findings."""
    marks = {"ok": "[green]✓[/]", "note": "[cyan]i[/]", "warning": "[yellow]![/]", "error": "[red]✗[/]"}
    for row in rows:
        console.print(f"{marks[row['level']]} {row['name']}: {escape(row['text'])}")


def exported(console: Console, row: Row) -> None:
    """Say what was written."""
    console.print(
        f"{row['calls']:,} call{'' if row['calls'] == 1 else 's'} ({row['bytes'] / 1e6:,.2f} MB) written to {escape(row['path'])}."
    )


def exported_student(console: Console, row: Row) -> None:
    """Say what was written of a student."""
    console.print(f"{escape(row['student_id'])} written to {escape(row['path'])}:")
    for name in row["files"]:
        console.print(f"  {escape(name)}")


def called(task_id: str, name: str | None) -> str:
    """Give a task's id, by which commands know it, and beside it what people call it, where that is another word."""
    return (
        escape(task_id) if name in {None, "", task_id} else f"{escape(task_id)} [dim]{escape(str(name))}[/]"
    )


def _cell(console: Console, task_id: str, name: str | None) -> str:
    """Give the same for a table; a narrow terminal keeps the ids whole instead."""
    return called(task_id, name if console.width >= WIDE else None)


def percent(share: float | None) -> str:
    """Give a share as text."""
    return NONE if share is None else f"{100 * share:.1f}%".replace(".0%", "%")


def money(usd: float | None) -> str:
    """Give dollars as text: cents from one cent on, else as much as there is."""
    if usd is None:
        return NONE
    if usd < 0:
        return f"-{money(-usd)}"
    if usd == 0:
        return "$0"
    if usd < LEAST_SHOWN:
        return f"<${LEAST_SHOWN}"
    return f"${usd:,.4f}" if usd < CENT else f"${usd:,.2f}"


def clock(ts: float) -> str:
    """Give a time of this day or an earlier one, local."""
    moment, now = time.localtime(ts), time.localtime()
    if moment[:3] == now[:3]:
        return time.strftime("%H:%M:%S", moment)
    return time.strftime("%m-%d %H:%M" if moment[0] == now[0] else "%Y-%m-%d %H:%M", moment)


def tone(word: str) -> str:
    """Colour a state or an outcome."""
    shown = word.replace("_", " ")
    return f"[{TONE[word]}]{shown}[/]" if word in TONE else shown


def progress(job: Row) -> str:
    """Say how far a job is."""
    seen = job["progress"]
    step = f" {seen['step']} of {seen['of']}" if seen.get("of") else ""
    eta = f", about {seen['eta_s']:.0f} s left" if seen.get("eta_s") is not None else ""
    return f"{seen.get('doing') or job['phase'] or job['state']}{step}{eta}"


def _ledger(seen: Row) -> str:
    kept, lost = (sum(seen[fate].values()) for fate in ("kept", "lost"))
    backlog = seen["backlog"]
    waiting = (
        f"{backlog['records']:,} wait for the log, {backlog['lag_s']:.1f} s at most"
        if backlog["records"]
        else "all in the log"
    )
    gone = f"[red]{lost:,} lost[/]" if lost else "none lost"
    return f"{kept:,} records kept, {gone}; {waiting}; {seen['in_flight']:,} exchanges under way"


def _evidence(seen: Row) -> str:
    lower = "nothing" if seen["lower"] is None else f"{100 * seen['lower']:+.2f} points"
    mean = NONE if seen["mean_difference"] is None else f"{100 * seen['mean_difference']:+.2f} points"
    return (
        f"{seen['pairs']} pairs, mean difference {mean}, proven at least {lower} (margin -{100 * seen['margin']:g}); "
        f"this step: {seen['pairs_in_step']} of {seen['minimum']}"
    )


def new_table(console: Console, *columns: str) -> Table:
    """Make a table; its first column and those of WHOLE are for copying and comparing, so never broken."""
    gap = 2 if console.width >= WIDE else 1
    table = Table(box=None, header_style="bold", pad_edge=False, padding=(0, gap, 0, 0))
    for place, column in enumerate(columns):
        whole = place == 0 or column in WHOLE
        table.add_column(column, overflow="ellipsis" if whole else "fold", no_wrap=whole)
    return table
