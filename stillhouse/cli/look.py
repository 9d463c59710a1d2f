"""The commands that only look. With control running they ask it, else they read the stores."""

from __future__ import annotations

import time
import webbrowser
from typing import Annotated

import typer

from stillhouse.cli import draw
from stillhouse.cli.context import ConfigOption, DataOption, JsonOption, house
from stillhouse.views import calls as calls_view
from stillhouse.views import explain as explain_view
from stillhouse.views import status as status_view
from stillhouse.views import tasks as tasks_view

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
    own.show(own.ask(lambda client: client.status(), status_view.status), draw.status)


def tasks(
    task: Annotated[str | None, typer.Argument(help="Everything about this task.")] = None,
    config: ConfigOption = None,
    data: DataOption = None,
    *,
    json: JsonOption = False,
) -> None:
    """List the tasks, or show one."""
    own = house(config, data, as_json=json)
    if task is None:
        own.show(own.ask(lambda client: client.tasks(), tasks_view.tasks), draw.tasks)
    else:
        found = own.ask(lambda client: client.task(task), lambda stores: tasks_view.task(stores, task))
        own.show(found, draw.task)


def calls(  # noqa: PLR0917 - typer's options
    call_id: Annotated[str | None, typer.Argument(help="Everything about this call.")] = None,
    task: TaskOption = None,
    who: Annotated[str | None, typer.Option(help="teacher or student: who answered.")] = None,
    outcome: Annotated[str | None, typer.Option(help="complete, error, ... or open.")] = None,
    model: Annotated[str | None, typer.Option(help="As the app asked for it.")] = None,
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
        found = own.ask(lambda client: client.call(call_id), lambda stores: calls_view.call(stores, call_id))
        own.show(found, draw.call)
        return
    since = None if hours is None else time.time() - hours * 3600
    wish = calls_view.Wish(task=task, who=who, outcome=outcome, model=model, since_ts=since, limit=limit)
    fields = {name: getattr(wish, name) for name in calls_view.Wish.__slots__}
    rows = own.ask(lambda client: client.calls(**fields), lambda stores: calls_view.calls(stores, wish))
    own.show(rows, draw.calls)


def students(
    task: TaskOption = None, config: ConfigOption = None, data: DataOption = None, *, json: JsonOption = False
) -> None:
    """List the students."""
    own = house(config, data, as_json=json)
    rows = own.ask(lambda client: client.students(task), lambda stores: tasks_view.students(stores, task))
    own.show(rows, draw.students)


def explain(
    task: TaskArgument, config: ConfigOption = None, data: DataOption = None, *, json: JsonOption = False
) -> None:
    """Tell what happened to a task and why, decision by decision."""
    own = house(config, data, as_json=json)
    story = own.ask(lambda client: client.explain(task), lambda stores: explain_view.explain(stores, task))
    own.show(story, draw.story)
