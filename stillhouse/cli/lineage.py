"""`stillhouse task ...`: what an operator does with tasks. Control carries it out, or says why not."""

from __future__ import annotations

import json as jsonlib
from collections.abc import Callable
from typing import Annotated, Any

import typer

from stillhouse.cli.act import finished, refuse
from stillhouse.cli.context import ConfigOption, DataOption, JsonOption, house
from stillhouse.client import AdminClient

task = typer.Typer(name="task", help="Rename, merge, split or ignore a task.", no_args_is_help=True)

TaskArgument = Annotated[str, typer.Argument(metavar="ID", help="A task, by its id.")]
ReasonOption = Annotated[str, typer.Option("--reason", "-r", help="Why; it stands in the task's history.")]


@task.command()
def rename(
    task_id: TaskArgument,
    name: Annotated[str, typer.Argument(help="What a person shall read.")],
    reason: ReasonOption = "",
    config: ConfigOption = None,
    data: DataOption = None,
    *,
    json: JsonOption = False,
) -> None:
    """Call a task otherwise. Its id stays, and what apps call it, and settings under either."""
    _order(config, data, json, lambda client: client.rename(task_id, name, reason))


@task.command()
def merge(
    task_id: TaskArgument,
    into: Annotated[str, typer.Argument(help="The task that gets its versions, by its id.")],
    reason: ReasonOption = "",
    config: ConfigOption = None,
    data: DataOption = None,
    *,
    json: JsonOption = False,
) -> None:
    """Make all versions of a task another one's; new calls follow."""
    _order(config, data, json, lambda client: client.merge(task_id, into, reason))


@task.command()
def split(  # noqa: PLR0917 - typer's options
    task_id: TaskArgument,
    versions: Annotated[list[int], typer.Argument(min=1, help="The versions that leave it.")],
    name: Annotated[str, typer.Option("--name", help="What a person shall read.")] = "",
    reason: ReasonOption = "",
    config: ConfigOption = None,
    data: DataOption = None,
    *,
    json: JsonOption = False,
) -> None:
    """Make some versions of a task one of its own; new calls follow."""
    _order(config, data, json, lambda client: client.split(task_id, versions, name, reason))


@task.command()
def ignore(
    task_id: TaskArgument,
    reason: ReasonOption = "",
    config: ConfigOption = None,
    data: DataOption = None,
    *,
    undo: Annotated[bool, typer.Option("--undo", help="Heed it again.")] = False,
    json: JsonOption = False,
) -> None:
    """Neither score, distil nor list a task. Its calls are logged all the same."""
    _order(config, data, json, lambda client: client.ignore(task_id, reason, undo=undo))


def _order(config: Any, data: Any, json: bool, ask: Callable[[AdminClient], dict[str, Any]]) -> None:  # noqa: FBT001
    own = house(config, data, as_json=json)
    with own.client() as client:
        order = finished(ask(client), client.lineage)
    outcome = order["outcome"] or "It waits for control to carry it out; `stillhouse explain` will tell."
    if json:
        typer.echo(jsonlib.dumps(order, indent=1))
    refuse(outcome)
    if not json:
        typer.echo(outcome)
