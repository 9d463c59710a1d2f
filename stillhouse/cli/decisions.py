"""`replay-decisions`: whether what was decided comes out again."""

from __future__ import annotations

from typing import Annotated, Any

import typer
from rich.console import Console
from rich.markup import escape

from stillhouse.cli.context import ConfigOption, DataOption, JsonOption, house


def replay_decisions(
    task: Annotated[str | None, typer.Argument(help="Of this task only.")] = None,
    config: ConfigOption = None,
    data: DataOption = None,
    *,
    json: JsonOption = False,
) -> None:
    """Make every decision again from the rows that it left, and say what differs; then the exit code is 1."""
    own = house(config, data, as_json=json)
    found = own.ask(lambda face: face.replayed(task))
    own.show(found, _draw)
    if found["differences"]:
        raise typer.Exit(1)


def _draw(console: Console, found: dict[str, Any]) -> None:
    for row in found["rollouts"]:
        mark = "[red]✗[/]" if row["differences"] else "[green]✓[/]"
        console.print(
            f"{mark} {escape(row['task_id'])}, rollout {row['rollout_id']} ({row['state']}): {row['decisions']} decisions "
            f"from {row['observations']:,} observations"
        )
        for said in row["differences"]:
            console.print(f"  [red]{escape(said)}[/]")
    if not found["rollouts"]:
        console.print("No rollout yet: nothing was decided.")
    elif found["differences"]:
        console.print(f"[red]{found['differences']} things come out differently.[/]")
    else:
        console.print(f"All {found['decisions']} decisions come out the same.")
