"""The commands about what is kept: `erase`, `erasures`, `backup`, `restore`."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Annotated, Any

import typer

from stillhouse.cli import draw_ledger
from stillhouse.cli.context import ConfigOption, DataOption, House, JsonOption, house
from stillhouse.client import AdminClient
from stillhouse.errors import NotRunning, Refused, StillhouseError

POLL_S = 0.3
INTERRUPTED = 130  # as shells say it of a program that Ctrl-C ended
FolderArgument = Annotated[Path, typer.Argument(help="The backup's folder.")]


def erase(
    *,
    user: Annotated[
        str | None, typer.Option("--user", help="Whom: as the app's calls name the user.")
    ] = None,
    conversation: Annotated[str | None, typer.Option("--conversation", help="Or one conversation.")] = None,
    call: Annotated[str | None, typer.Option("--call", help="Or one call, by its id.")] = None,
    tenant: Annotated[str | None, typer.Option("--tenant", help="Only calls of this client key.")] = None,
    also: Annotated[
        list[str] | None, typer.Option("--also", help="A further text that must not be found in the end.")
    ] = None,
    config: ConfigOption = None,
    data: DataOption = None,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")] = False,
    json: JsonOption = False,
) -> None:
    """Take everything of a user, a conversation or a call away for good, and prove it."""
    own = house(config, data, as_json=json)
    named = {"user": user, "conversation": conversation, "call": call}
    given = {kind: value for kind, value in named.items() if value}
    if len(given) != 1:
        raise Refused("Name one user, one conversation or one call.")
    if not yes:
        _confirm(own, given)
    with own.client() as client:
        asked = client.erase(**given, tenant=tenant, also=also or [])
        try:
            ended = _follow(client, own, asked)
        except KeyboardInterrupt:
            typer.echo(f"The erasure {asked['erasure_id']} goes on: `stillhouse erasures` tells.", err=True)
            raise typer.Exit(INTERRUPTED) from None
    own.show(ended, draw_ledger.erasure)
    if ended["phase"] != "done":
        raise StillhouseError(f"The erasure is {ended['phase']}: {ended['report']['sentence']}")


def erasures(config: ConfigOption = None, data: DataOption = None, *, json: JsonOption = False) -> None:
    """List what was erased; a subject is not kept, only when and how many."""
    own = house(config, data, as_json=json)
    with own.client() as client:
        own.show(client.erasures(), draw_ledger.erasures)


def backup(
    folder: FolderArgument,
    config: ConfigOption = None,
    data: DataOption = None,
    *,
    json: JsonOption = False,
) -> None:
    """Copy everything into a new folder, while Stillhouse runs."""
    own = house(config, data, as_json=json)
    with own.client() as client:
        own.show(client.backup(folder), draw_ledger.backup)


def restore(
    folder: FolderArgument,
    data: Annotated[Path, typer.Option("--data", help="The data folder to fill: new, or empty.")],
    erased_in: Annotated[
        Path | None, typer.Option("--erased-in", help="Repeat what this data folder has erased since.")
    ] = None,
    *,
    json: JsonOption = False,
) -> None:
    """Fill a new data folder from a backup, after checking every file."""
    from stillhouse.backup import restore as fill  # noqa: PLC0415 - engines load slowly, and rarely

    own = house(None, data, as_json=json)
    done = fill(folder.absolute(), data.absolute(), erased_in and erased_in.absolute(), time.time)
    made = done.manifest
    told = {
        "data": str(data.absolute()),
        "made": made.made,
        "files": len(made.files),
        "bytes": made.bytes,
        "erasures_repeated": done.repeated,
    }
    own.show(told, draw_ledger.restored)


def _confirm(own: House, given: dict[str, str]) -> None:
    if own.json:
        raise Refused("With --json nobody is asked: say --yes, too.")
    kind, value = next(iter(given.items()))
    typer.confirm(f"Take everything of the {kind} {value!r} away, for good?", abort=True)


def _follow(client: AdminClient, own: House, erasure: dict[str, Any]) -> dict[str, Any]:
    """Wait for the end, naming each phase as it begins."""
    shown = None
    while erasure["finished"] is None:
        if erasure["phase"] != shown and not own.json:
            shown = erasure["phase"]
            typer.echo(draw_ledger.PHASES[shown])
        time.sleep(POLL_S)
        try:
            erasure = client.erasure(erasure["erasure_id"])
        except NotRunning as error:
            text = f"Control does not answer now. It was asked for the erasure {erasure['erasure_id']} and goes on with it"
            raise StillhouseError(f"{text} when it runs again: `stillhouse erasures` tells.") from error
    return erasure
