"""`export`, `doctor` and `keys`."""

from __future__ import annotations

import hashlib
import json as jsonlib
import os
import re
import secrets
from pathlib import Path
from typing import Annotated, Any

import typer
from pydantic import SecretStr

from stillhouse.cli import draw
from stillhouse.cli.context import ConfigOption, DataOption, House, JsonOption, house
from stillhouse.errors import ConfigError, Missing, NotRunning, StillhouseError
from stillhouse.settings import Settings, load


def export(
    path: Annotated[
        Path, typer.Argument(help="Where to: JSON lines, or .parquet; a new folder for a student.")
    ],
    task: Annotated[str | None, typer.Option("--task", "-t", help="Of this task only.")] = None,
    student: Annotated[str | None, typer.Option(help="Not calls: this student, for other programs.")] = None,
    config: ConfigOption = None,
    data: DataOption = None,
    *,
    json: JsonOption = False,
) -> None:
    """Write calls with their answers into a file, or a student into a folder."""
    own = house(config, data, as_json=json)
    if student is not None:
        made = own.ask(lambda face: face.export_student(student, path))
        own.show(made, draw.exported_student)
        return
    written = own.ask(lambda face: face.export(path, task))
    own.show({"path": str(path), **written}, draw.exported)


def doctor(
    task: Annotated[
        str | None, typer.Argument(help="Not the house: what stands between this task and its student.")
    ] = None,
    config: ConfigOption = None,
    data: DataOption = None,
    *,
    json: JsonOption = False,
) -> None:
    """Look for what is wrong or will be, and say what leaves the machine."""
    own = house(config, data, as_json=json)
    if task is not None:
        own.show(own.ask(lambda face: face.advice(task)), draw.findings)
        return
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


def _named(name: str) -> str:
    if not re.fullmatch(r"[A-Za-z0-9._-]+", name):
        raise typer.BadParameter("a name is made of letters, digits, dots, underscores and hyphens.")
    return name


def keys(
    name: Annotated[str, typer.Argument(callback=_named, help="Who gets it; the tenant of its calls.")],
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

    settings = _as_if_keyed(own.settings)
    absent = _absent_key(own)
    try:
        with reading(settings) as stores:
            found = doctor_view.examine(settings, stores) + doctor_view.ports(settings)
    except Missing:
        found = doctor_view.examine(settings, None)
    except StillhouseError as error:
        broken = {"name": "stores", "level": "error", "text": str(error)}
        found = [*doctor_view.examine(settings, None), broken]
    return [*absent, *found]


def _as_if_keyed(settings: Settings) -> Settings:
    """Let each upstream that names a key have one, which is never sent: the doctor judges what is configured."""
    upstreams = tuple(
        u.model_copy(update={"api_key": SecretStr("not read")}) if u.api_key_env or u.api_key_file else u
        for u in settings.upstreams
    )
    return settings.model_copy(update={"upstreams": upstreams})


def _absent_key(own: House) -> list[dict[str, Any]]:
    """Say which key `up` would miss in this shell."""
    try:
        load(own.config, os.environ)
    except ConfigError as error:
        return [{"name": "key", "level": "warning", "text": f"`stillhouse up` cannot start here: {error}"}]
    return []
