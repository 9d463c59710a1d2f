"""The command with which a person audits a judge."""

from __future__ import annotations

import json as jsonlib
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.markup import escape

from stillhouse.cli.context import ConfigOption, DataOption, JsonOption, house
from stillhouse.cli.draw import called
from stillhouse.cli.look import TaskArgument

Row = dict[str, Any]


def audit(
    task: TaskArgument,
    label: Annotated[
        tuple[str, str] | None,
        typer.Option(
            "--label", help="An answer, by its id or its call's, and good, bad or a number from 0 to 1."
        ),
    ] = None,
    limit: Annotated[int, typer.Option("--limit", "-n", min=1, max=1000)] = 20,
    config: ConfigOption = None,
    data: DataOption = None,
    *,
    json: JsonOption = False,
) -> None:
    """List the judged answers that wait for a person, or label one."""
    own = house(config, data, as_json=json)
    if label is None:
        own.show(own.ask(lambda face: face.audit(task, limit)), draw)
        return
    with own.client() as client:
        made = client.label(task, *label)
    typer.echo(jsonlib.dumps(made, indent=1) if json else f"Answer {made['attempt_id']}: {made['value']:g}.")


def draw(console: Console, page: Row) -> None:
    """Show what waits, and what was found so far."""
    for row in page["answers"]:
        console.print(f"[bold]{row['id']}[/] [dim]of call {row['call_id']}[/]")
        console.print(f"  [dim]asked[/] {escape(row['input'])}")
        console.print(f"  [dim]answer[/] {escape(row['answer'])}")
        for call in row["tool_calls"]:
            console.print(
                f"  [dim]calls[/] {escape(jsonlib.dumps(call.get('function'), ensure_ascii=False))}"
            )
        if row["correction"]:
            console.print(f"  [dim]corrected[/] {escape(row['correction'])}")
    if not page["judged"]:
        console.print(
            f"{called(page['task_id'], page['name'])} has no judge to audit: set policy.judge.model, "
            f"or tasks.{escape(page['task_id'])}.judge."
        )
    if page["judged"] or page["drawn"]:
        console.print(f"{page['waiting']} of {page['drawn']} answers wait for a label.")
    if page["words"]:
        console.print(f"The judge: {page['words']}.")
    position = page["position"]
    if position["calls"]:
        console.print(
            f"Standing first is worth {position['mean']:+.3f} to it (pairs compared: {position['calls']})."
        )
