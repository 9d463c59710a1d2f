"""`import`: brings in what other programs recorded."""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import closing, suppress
from dataclasses import asdict
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any

import typer

from stillhouse.cli import draw_import
from stillhouse.cli.context import ConfigOption, DataOption, House, JsonOption, house
from stillhouse.errors import NotRunning, Refused, StillhouseError
from stillhouse.importing.bring import Summary, bring
from stillhouse.importing.formats import FORMATS
from stillhouse.importing.litellm_config import settings_of
from stillhouse.importing.records import Wish
from stillhouse.settings import convert
from store.errors import StoreError
from store.journal.segment import IMPORT
from store.journal.writer import SegmentWriter
from store.template import Templates

DAY_S = 86_400.0
CONFIG = "litellm-config"
Format = StrEnum("Format", {name.replace("-", "_"): name for name in (*FORMATS, CONFIG)})  # type: ignore[misc]


def import_(  # noqa: PLR0917 - typer's options
    source: Annotated[Format, typer.Argument(help="What kind of file it is.")],
    files: Annotated[list[Path], typer.Argument(help="JSON, JSON lines, CSV or Parquet; also .gz.")],
    model: Annotated[
        str | None,
        typer.Option("--model", help="The model that your app asks for, in place of the records'."),
    ] = None,
    tenant: Annotated[
        str, typer.Option("--tenant", help="Name of the client key that your app's calls come with.")
    ] = "",
    task: Annotated[str | None, typer.Option("--task", help="Name of the task that all of it is.")] = None,
    out: Annotated[
        Path | None, typer.Option("--out", help="litellm-config: where the settings are written to.")
    ] = None,
    config: ConfigOption = None,
    data: DataOption = None,
    *,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Read only; bring nothing in.")] = False,
    json: JsonOption = False,
) -> None:
    """Bring in calls that another program recorded, to learn from; or its settings (litellm-config)."""
    if source.value == CONFIG:
        _settings(files, out)
        return
    own = house(config, data, as_json=json)
    wish = Wish(model=model, tenant=tenant, task=task)
    summary = _brought(own, source.value, files, wish, write=not dry_run)
    own.show(_told(own, summary, brought=not dry_run), draw_import.imported)
    if not summary.calls:
        raise StillhouseError("Nothing could be brought in.")


def _brought(own: House, name: str, files: list[Path], wish: Wish, *, write: bool) -> Summary:
    emptied, templates = _runs(own), _published(own)
    if not write:
        return bring(name, files, wish, None, emptied=emptied, templates=templates)
    own.folder.create()
    options = own.settings.journal.given()
    options.pop("durability", None)
    try:
        journal = SegmentWriter(own.folder.journal, IMPORT, **{**options, "on_full": "refuse"})
    except StoreError as error:
        raise StillhouseError(str(error)) from error
    try:
        return bring(name, files, wish, journal, emptied=emptied, templates=templates)
    finally:
        journal.close()


def _published(own: House) -> Templates:
    """Give the templates by which the gateway names calls, so that imported ones have the same names."""
    from store.control import Control  # noqa: PLC0415 - an engine loads slowly, and rarely

    if not own.folder.control.exists():
        return Templates()
    try:
        with closing(Control.open(own.folder.control)) as control:
            return Templates(control.templates())
    except StoreError as error:
        raise StillhouseError(str(error)) from error


def _runs(own: House) -> Callable[[], bool]:
    def runs() -> bool:
        with suppress(NotRunning, StillhouseError), own.client():
            return True
        return False

    return runs


def _told(own: House, summary: Summary, *, brought: bool) -> dict[str, Any]:
    days = own.settings.retention.days
    kinds = sorted(summary.kinds.values(), key=lambda kind: -kind.calls)
    needed = convert.distiller(own.settings).min_examples
    return {
        "brought": brought,
        "running": _runs(own)(),
        "calls": summary.calls,
        "feedback": summary.feedback,
        "outcomes": dict(summary.outcomes),
        "first_ts": summary.first_ts,
        "last_ts": summary.last_ts,
        "left_out": [
            {"why": why, "records": records, "places": summary.places[why]}
            for why, records in summary.left.most_common()
        ],
        "kinds": [{**asdict(kind), "missing": max(0, needed - kind.complete)} for kind in kinds],
        "too_old_days": days
        if days is not None and summary.first_ts is not None and summary.first_ts < time.time() - days * DAY_S
        else None,
    }


def _settings(files: list[Path], out: Path | None) -> None:
    if len(files) != 1:
        raise Refused("litellm-config takes one file.")
    found = settings_of(files[0])
    for warning in found.warnings:
        typer.echo(warning, err=True)
    if out is None:
        typer.echo(found.text, nl=False)
        return
    if out.exists():
        raise Refused(f"{out} is there already; nothing was written.")
    try:
        out.write_text(found.text, "utf-8")
    except OSError as error:
        raise StillhouseError(f"{out} cannot be written: {error.strerror}.") from error
    typer.echo(f"{out} is written; `stillhouse doctor --config {out}` says what would go wrong.")
