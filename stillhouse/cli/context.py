"""What the commands share: the settings, where answers come from, how they are shown. Knows no command."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, TypeVar

import typer
from rich.console import Console

from stillhouse.client import AdminClient
from stillhouse.errors import NotRunning
from stillhouse.settings import Settings, load
from stillhouse.settings.calls import KINDS
from store.paths import DataFolder

if TYPE_CHECKING:
    from stillhouse.views.faces import Faces

T = TypeVar("T")
PIPE = 1000  # columns where nobody looks: whole ids for the next program
ConfigOption = Annotated[
    Path | None,
    typer.Option("--config", "-c", help="The YAML file.", show_default="./stillhouse.yaml, if there"),
]
DataOption = Annotated[Path | None, typer.Option("--data", help="The data folder; wins over the settings.")]
JsonOption = Annotated[bool, typer.Option("--json", help="Print JSON.")]


@dataclass(frozen=True, kw_only=True, slots=True)
class House:
    """The house that a command is about."""

    settings: Settings
    config: Path | None
    json: bool = False

    @property
    def folder(self) -> DataFolder:
        """The data folder."""
        return DataFolder(self.settings.data)

    def client(self) -> AdminClient:
        """Connect to control. Raises NotRunning."""
        where = os.environ.get("STILLHOUSE_URL") or self.settings.data
        return AdminClient(where, os.environ.get("STILLHOUSE_TOKEN"))

    def ask(self, question: Callable[[AdminClient | Faces], T]) -> T:
        """Ask control, or the stores themselves where it is not running."""
        try:
            with self.client() as client:
                return question(client)
        except NotRunning:
            from stillhouse.views.faces import Faces  # noqa: PLC0415 - engines load slowly, and rarely
            from stillhouse.views.stores import reading  # noqa: PLC0415 - the same

            with reading(self.settings) as stores:
                return question(Faces(stores))

    def show(self, value: Any, draw: Callable[[Console, Any], None]) -> None:
        """Print JSON, or draw for a person."""
        if self.json:
            typer.echo(json.dumps(value, ensure_ascii=False, indent=1))
        else:
            draw(Console(soft_wrap=True, width=None if sys.stdout.isatty() else PIPE), value)


def house(
    config: Path | None, data: Path | None = None, *, as_json: bool = False, keys: bool = False
) -> House:
    """Read the settings for a command; upstreams' keys only with `keys`, for `up`. Raises ConfigError."""
    settings = load(config, os.environ, keys=KINDS if keys else ())
    if data is not None:
        settings = settings.model_copy(update={"data": data})
    return House(settings=settings, config=config, json=as_json)
