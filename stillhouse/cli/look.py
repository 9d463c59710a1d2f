"""The commands that only look. With control running they ask it, else they read the stores."""

from __future__ import annotations

import time
import webbrowser
from collections.abc import Callable
from typing import Annotated

import typer

from stillhouse.cli import draw, draw_cost, draw_ladder
from stillhouse.cli.context import ConfigOption, DataOption, JsonOption, house
from store.vocabulary import Outcome, Who

OpenOption = Annotated[bool, typer.Option("--open", help="Open the status page in a browser.")]
TaskArgument = Annotated[str, typer.Argument(help="A task, by its id.")]
TaskOption = Annotated[str | None, typer.Option("--task", "-t", help="Of this task only.")]


def status(
    config: ConfigOption = None,
    data: DataOption = None,
    *,
    json: JsonOption = False,
    open_page: OpenOption = False,
) -> None:
    """Show what is going on."""
    own = house(config, data, as_json=json)
    if open_page:
        with own.client() as client:
            page = f"{client.url}/#token={client.token}"
            typer.echo(f"The status page is at {client.url}/")
            if not webbrowser.open(page):
                typer.echo(f"No browser could be opened; open {page}")
        return
    own.show(own.ask(lambda face: face.status()), draw.status)


def tasks(
    task: Annotated[str | None, typer.Argument(help="Everything about this task.")] = None,
    config: ConfigOption = None,
    data: DataOption = None,
    *,
    everything: Annotated[
        bool, typer.Option("--all", "-a", help="Also those that are ignored or were merged into others.")
    ] = False,
    json: JsonOption = False,
) -> None:
    """List the tasks, or show one."""
    own = house(config, data, as_json=json)
    if task is None:
        own.show(own.ask(lambda face: face.tasks(everything=everything)), draw.tasks)
    else:
        own.show(own.ask(lambda face: face.task(task)), draw.task)


def _one_of(*known: str) -> Callable[[str | None], str | None]:
    def check(given: str | None) -> str | None:
        if given is not None and given not in known:
            raise typer.BadParameter(f"{given!r} is none of {', '.join(known)}.")
        return given

    return check


def calls(  # noqa: PLR0917 - typer's options
    call_id: Annotated[
        str | None,
        typer.Argument(
            help="Everything about this call, by its id, a beginning of it, or its completion's id."
        ),
    ] = None,
    task: TaskOption = None,
    who: Annotated[
        str | None, typer.Option(callback=_one_of(*Who), help="teacher or student: who answered.")
    ] = None,
    outcome: Annotated[
        str | None, typer.Option(callback=_one_of(*Outcome, "open"), help="complete, error, ... or open.")
    ] = None,
    model: Annotated[str | None, typer.Option(help="As the app asked for it.")] = None,
    surface: Annotated[
        str | None, typer.Option(help="chat, responses, completions, messages, opaque: as the app spoke.")
    ] = None,
    key: Annotated[str | None, typer.Option(help="Made with this credential, by its hash.")] = None,
    tenant: Annotated[str | None, typer.Option(help="Made with the client key of this name.")] = None,
    score: Annotated[str | None, typer.Option(help="Name of the score that is meant; any, without.")] = None,
    score_below: Annotated[
        float | None, typer.Option(min=0, max=1, help="Scored at most so, 0 to 1.")
    ] = None,
    score_above: Annotated[
        float | None, typer.Option(min=0, max=1, help="Scored at least so, 0 to 1.")
    ] = None,
    text: Annotated[str | None, typer.Option(help="Says this, in the request or the answer.")] = None,
    before: Annotated[int | None, typer.Option(help="Earlier than this place in the log.")] = None,
    hours: Annotated[float | None, typer.Option(help="Of the last so many hours.", min=0)] = None,
    limit: Annotated[int, typer.Option("--limit", "-n", min=1, max=100_000)] = 20,
    config: ConfigOption = None,
    data: DataOption = None,
    *,
    json: JsonOption = False,
) -> None:
    """List calls, newest first, or show one."""
    own = house(config, data, as_json=json)
    if call_id is not None:
        own.show(own.ask(lambda face: face.call(call_id)), draw.call)
        return
    since = None if hours is None else time.time() - hours * 3600
    wish = {
        "task": task,
        "who": who,
        "outcome": outcome,
        "model": model,
        "surface": surface,
        "key": key,
        "tenant": tenant,
        "score": score,
        "score_below": score_below,
        "score_above": score_above,
        "text": text,
        "since_ts": since,
        "before_seq": before,
        "limit": limit,
    }
    own.show(own.ask(lambda face: face.calls(**wish)), draw.calls)


def students(
    task: TaskOption = None, config: ConfigOption = None, data: DataOption = None, *, json: JsonOption = False
) -> None:
    """List the students."""
    own = house(config, data, as_json=json)
    own.show(own.ask(lambda face: face.students(task)), draw.students)


def ladder(
    task: TaskArgument, config: ConfigOption = None, data: DataOption = None, *, json: JsonOption = False
) -> None:
    """Show the rungs that were tried for a task side by side: what each was worth and what it cost."""
    own = house(config, data, as_json=json)
    own.show(own.ask(lambda face: face.ladder(task)), draw_ladder.ladder)


def cost(
    task: TaskArgument, config: ConfigOption = None, data: DataOption = None, *, json: JsonOption = False
) -> None:
    """Say what a task costs and saves, and what its next distillation would take."""
    own = house(config, data, as_json=json)
    own.show(own.ask(lambda face: face.cost(task)), draw_cost.cost)


def explain(
    task: TaskArgument, config: ConfigOption = None, data: DataOption = None, *, json: JsonOption = False
) -> None:
    """Tell what happened to a task and why, decision by decision."""
    own = house(config, data, as_json=json)
    own.show(own.ask(lambda face: face.explain(task)), draw.story)
