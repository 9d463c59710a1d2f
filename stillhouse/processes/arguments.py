"""What the supervisor tells its own processes, and the settings that follow. Knows no process by name."""

from __future__ import annotations

import argparse
import os
from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path

from stillhouse.settings import Settings, load
from stillhouse.settings.calls import KINDS, LITELLM
from stillhouse.translator.door import Door


@dataclass(frozen=True, kw_only=True, slots=True)
class Told:
    """From the command line of a process."""

    settings: Settings
    door: Door  # to the translator
    port: int
    index: int
    socket: int  # of a process that inherits one, -1 of others


def read(program: str, keys: Collection[str] = KINDS - {LITELLM}) -> Told:
    """Read the command line, then the settings with the keys of these kinds of upstreams. Raises ConfigError."""
    parser = argparse.ArgumentParser(prog=f"python -m {program}")
    parser.add_argument("--port", type=int, default=0, help="to listen on")
    parser.add_argument("--socket", type=int, default=-1, help="descriptor of a socket that listens already")
    parser.add_argument("--index", type=int, default=0, help="which of several workers this is")
    parser.add_argument("--config", type=Path, help="the YAML file")
    parser.add_argument(
        "--snapshot", type=Path, help="the settings as `up` read them; read instead of the file"
    )
    parser.add_argument("--data", type=Path, help="the data folder; wins over the settings")
    given = parser.parse_args()
    settings = load(given.snapshot or given.config, os.environ, keys=keys)
    if given.snapshot:
        settings = settings.model_copy(update={"source": given.config})
    if given.data:
        settings = settings.model_copy(update={"data": given.data})
    return Told(
        settings=settings,
        door=Door.found(os.environ),
        port=given.port,
        index=given.index,
        socket=given.socket,
    )
