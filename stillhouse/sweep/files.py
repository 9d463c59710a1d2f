"""Has every file below a folder searched, by a process of its own.

Of its own because both databases guard their files with POSIX locks, and a process that closes any handle of a
file drops all its locks on it. What to search for goes through a pipe, never as an argument that others could read.
"""

from __future__ import annotations

import json
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

from stillhouse.errors import StillhouseError

_COMMAND = (sys.executable, "-m", "stillhouse.sweep.child")


@dataclass(frozen=True, kw_only=True, slots=True)
class Searched:
    """One file, and in how many places it has a text: whole, or as a part of a longer word."""

    name: str  # below the folder, with slashes
    bytes: int
    whole: int
    inside: int


def search(root: Path, texts: tuple[str, ...], *, skipped: Path) -> list[Searched]:
    """Search the files below `root`, but not those in `skipped`. Raises StillhouseError where it cannot be done."""
    asked = json.dumps({"root": str(root), "texts": texts, "skipped": str(skipped)})
    with subprocess.Popen(_COMMAND, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as child:  # noqa: S603
        if child.stdin is None or child.stdout is None:
            raise StillhouseError("The search of the data folder could not be started.")
        child.stdin.write(asked.encode() + b"\n")
        child.stdin.flush()
        answer = child.stdout.read()  # standard input stays open until it has answered
    if child.returncode:
        raise StillhouseError(f"The search of the data folder ended with exit code {child.returncode}.")
    return [Searched(**file) for file in json.loads(answer)]
