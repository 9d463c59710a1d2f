"""The commands that change something."""

from __future__ import annotations

import json as jsonlib
import time
from collections.abc import Callable
from enum import StrEnum
from typing import Annotated, Any

import typer
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

from stillhouse.cli.context import ConfigOption, DataOption, House, JsonOption, house
from stillhouse.client import AdminClient
from stillhouse.errors import Refused, StillhouseError, nothing
from stillhouse.processes import alive

ENDED = frozenset({"done", "failed", "cancelled"})
POLL_S = 0.5
SEEN_S = 2.0
OBEYED_S = 5.0
REFUSED = "refused: "


class Verb(StrEnum):
    """What can be ordered of a rollout."""

    APPROVE = "approve"
    PAUSE = "pause"
    RESUME = "resume"
    ABORT = "abort"
    ROLLBACK = "rollback"
    FORCE = "force"
    WAIVE = "waive"
    EXCLUDE = "exclude"
    INCLUDE = "include"


def distill(
    task: Annotated[str, typer.Argument(help="A task, by its id.")],
    config: ConfigOption = None,
    data: DataOption = None,
    *,
    anyway: Annotated[bool, typer.Option("--anyway", help="Even if not all conditions are met.")] = False,
    cancel: Annotated[bool, typer.Option("--cancel", help="Stop the one under way instead.")] = False,
    follow: Annotated[bool, typer.Option("--follow", "-f", help="Show the progress until the end.")] = False,
    json: JsonOption = False,
) -> None:
    """Train a student for a task now, without waiting for the schedule."""
    own = house(config, data, as_json=json)
    with own.client() as client:
        if cancel:
            _cancel(client, task)
            return
        job = client.distill(task, anyway=anyway)
        if follow:
            job = _follow(client, own, job)
    if json:
        typer.echo(jsonlib.dumps(job, ensure_ascii=False, indent=1))
    else:
        typer.echo(f"Job {job['job_id']} for {task}: {job['state']}.")
    if job["state"] == "failed":
        raise StillhouseError(f"The distillation failed: {job['error']}")


def rollout(
    verb: Annotated[Verb, typer.Argument(help="What to do.")],
    target: Annotated[str, typer.Argument(help="A task or a rollout, by its id.")],
    reason: Annotated[
        str, typer.Option("--reason", "-r", help="Why; force, waive, exclude and include need one.")
    ] = "",
    config: ConfigOption = None,
    data: DataOption = None,
    *,
    about: Annotated[
        str, typer.Option("--slice", help="What exclude and include are about: dimension:value.")
    ] = "",
    json: JsonOption = False,
) -> None:
    """Order something of a rollout; the controller obeys, or says why not."""
    if verb is Verb.FORCE and not reason.strip():
        raise Refused("force needs a reason: --reason '...'.")
    if (verb in {Verb.EXCLUDE, Verb.INCLUDE}) != bool(about):
        raise Refused("exclude and include, and no other order, are about a slice: --slice dimension:value.")
    own = house(config, data, as_json=json)
    with own.client() as client:
        order = finished(client.order(target, verb.value, reason, about), client.orders)
    outcome = order["outcome"] or "waiting for the controller"
    if json:
        typer.echo(jsonlib.dumps(order, indent=1))
    refuse(outcome)
    if not json:
        typer.echo(f"{verb.value} {target}: {outcome}")


def refuse(outcome: str) -> None:
    """Raise Refused where control says that it does not carry an order out."""
    if outcome.startswith(REFUSED):
        raise Refused(outcome.removeprefix(REFUSED))


def stop_students(
    config: ConfigOption = None,
    data: DataOption = None,
    *,
    resume: Annotated[bool, typer.Option("--resume", help="Let students answer again.")] = False,
    json: JsonOption = False,
) -> None:
    """Let the teacher answer everything, within two seconds, even with control dead."""
    own = house(config, data, as_json=json)
    folder, file = own.folder, own.folder.stop_file
    if not (folder.run.is_dir() and folder.journal.is_dir()):  # `up` makes both, before it can fail
        raise nothing(folder.root)
    try:
        if resume:
            file.unlink(missing_ok=True)
        else:
            file.touch(mode=0o600)
    except OSError as error:
        raise StillhouseError(f"{file} cannot be changed: {error.strerror}.") from error
    workers = _seen(own, stopped=not resume)
    late = sorted(name for name, seen in workers.items() if not seen)
    result = {"students_stopped": not resume, "workers": workers}
    if json:
        typer.echo(jsonlib.dumps(result, indent=1))
    else:
        what = "Students answer again" if resume else "Students are stopped; the teacher answers everything"
        who = f"{len(workers)} of {len(workers)} workers have seen it" if workers else "no worker runs now"
        typer.echo(f"{what}: {who}." if not late else f"{what}.")
        typer.echo(f"Data folder: {folder.root}")
    if late:
        raise StillhouseError(f"These workers have not seen it within {SEEN_S:g} s: {', '.join(late)}.")


def _cancel(client: AdminClient, task: str) -> None:
    under_way = [job for job in client.jobs(task) if job["state"] not in ENDED]
    if not under_way:
        raise Refused(f"No distillation of {task!r} is under way.")
    client.cancel(under_way[-1]["job_id"])
    typer.echo(f"Job {under_way[-1]['job_id']} is cancelled.")


def _seen(own: House, *, stopped: bool) -> dict[str, bool]:
    """Wait until every running worker says so in its file, at most SEEN_S."""
    deadline = time.monotonic() + SEEN_S
    while True:
        seen = {state.name: state.stopped is stopped for state in alive.workers(own.folder.run)}
        if all(seen.values()) or time.monotonic() > deadline:
            return seen
        time.sleep(0.05)


def finished(order: dict[str, Any], look: Callable[[], list[dict[str, Any]]]) -> dict[str, Any]:
    """Give an order as it stands once control has dealt with it, or after a few seconds."""
    deadline = time.monotonic() + OBEYED_S
    while order["outcome"] is None and time.monotonic() < deadline:
        time.sleep(0.1)
        order = next(o for o in look() if o["order_id"] == order["order_id"])
    return order


def _follow(client: AdminClient, own: House, job: dict[str, Any]) -> dict[str, Any]:
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        TextColumn("{task.fields[eta]}"),
        TimeElapsedColumn(),
    )
    with Progress(*columns, disable=own.json) as progress:
        line = progress.add_task("waiting", total=None, eta="")
        while job["state"] not in ENDED:
            time.sleep(POLL_S)
            job = next(j for j in client.jobs() if j["job_id"] == job["job_id"])
            seen = job["progress"]
            eta = f"about {seen['eta_s']:.0f} s left" if seen.get("eta_s") is not None else ""
            name = " ".join(dict.fromkeys(filter(None, (job["phase"], seen.get("doing")))))
            progress.update(
                line,
                description=name or job["state"],
                completed=seen.get("step", 0),
                total=seen.get("of"),
                eta=eta,
            )
    return job
