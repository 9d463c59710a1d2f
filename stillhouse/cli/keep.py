"""`export`, `doctor` and `keys`."""

from __future__ import annotations

import hashlib
import json as jsonlib
import secrets
from pathlib import Path
from typing import Annotated, Any

import typer

from stillhouse.cli import draw
from stillhouse.cli.context import ConfigOption, DataOption, House, JsonOption, house
from stillhouse.errors import Missing, NotRunning, StillhouseError


def export(
    path: Annotated[Path, typer.Argument(help="Where to, JSON lines.")],
    task: Annotated[str | None, typer.Option("--task", "-t", help="Of this task only.")] = None,
    config: ConfigOption = None,
    data: DataOption = None,
    *,
    json: JsonOption = False,
) -> None:
    """Write calls with their answers into a file."""
    own = house(config, data, as_json=json)

    size = own.ask(lambda face: face.export(path, task))
    own.show({"path": str(path), "bytes": size}, draw.exported)


def doctor(config: ConfigOption = None, data: DataOption = None, *, json: JsonOption = False) -> None:
    """Look for what is wrong or will be, and say what leaves the machine."""
    own = house(config, data, as_json=json)
    try:
        with own.client() as client:
            findings = client.doctor()
            findings.insert(
                0, {"name": "running", "level": "ok", "text": f"Control answers at {client.url}."}
            )
    except NotRunning as error:
        findings = [{"name": "running", "level": "note", "text": str(error)}, *_offline(own)]
    own.show(findings, draw.findings)
    if any(finding["level"] == "error" for finding in findings):
        raise typer.Exit(1)


def keys(
    name: Annotated[str, typer.Argument(help="Who gets it; the tenant of its calls.")],
    *,
    json: JsonOption = False,
) -> None:
    """Make a key for an app, and the line for the settings. The key is shown once and kept nowhere."""
    key = f"sh-{name}-{secrets.token_urlsafe(32)}"
    digest = hashlib.sha256(key.encode()).hexdigest()
    if json:
        typer.echo(jsonlib.dumps({"name": name, "key": key, "sha256": digest}, indent=1))
        return
    typer.echo(f"The key, for the app (OPENAI_API_KEY):\n  {key}\n")
    typer.echo(
        f'For the settings, below client_keys:\n  - {{name: {jsonlib.dumps(name)}, sha256: "{digest}"}}'
    )


def _offline(own: House) -> list[dict[str, Any]]:
    from stillhouse.views import doctor as doctor_view  # noqa: PLC0415 - engines load slowly, and rarely
    from stillhouse.views.stores import reading  # noqa: PLC0415 - the same

    try:
        with reading(own.settings) as stores:
            return doctor_view.examine(own.settings, stores) + doctor_view.examine(own.settings, None)[-2:]
    except Missing:
        return doctor_view.examine(own.settings, None)
    except StillhouseError as error:
        broken = {"name": "stores", "level": "error", "text": str(error)}
        return [*doctor_view.examine(own.settings, None), broken]
