"""`python -m stillhouse.erasure.sweep`: searches every file below a folder, in a process of its own.

Of its own because both databases guard their files with POSIX locks, and a process that closes any handle of a
file drops all its locks on it. What to search for comes as one JSON line on standard input, never as an
argument that others could read; when standard input closes, it stops.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import NoReturn

from stillhouse.erasure.forms import Search
from stillhouse.errors import StillhouseError
from stillhouse.processes import stdin


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
    command = (sys.executable, "-m", "stillhouse.erasure.sweep")
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as child:  # noqa: S603
        if child.stdin is None or child.stdout is None:
            raise StillhouseError("The search of the data folder could not be started.")
        child.stdin.write(asked.encode() + b"\n")
        child.stdin.flush()
        answer = child.stdout.read()  # standard input stays open until it has answered
    if child.returncode:
        raise StillhouseError(f"The search of the data folder ended with exit code {child.returncode}.")
    return [Searched(**file) for file in json.loads(answer)]


def _look(root: Path, texts: tuple[str, ...], skipped: Path) -> Iterator[Searched]:
    search = Search(texts)
    for path in _files(root, skipped):
        try:
            found = search.file(path)
        except FileNotFoundError:
            continue  # a segment that was loaded meanwhile
        name = path.relative_to(root).as_posix()
        yield Searched(name=name, bytes=found.size, whole=found.whole, inside=found.inside)


def _files(root: Path, skipped: Path) -> Iterator[Path]:
    for folder, _, names in os.walk(root):
        for name in sorted(names):
            path = Path(folder, name)
            if path.parent != skipped and path.is_file() and not path.is_symlink():
                yield path


def main() -> NoReturn:
    """Answer one question with one JSON list."""
    asked = json.loads(sys.stdin.readline())
    stdin.watch(lambda: os._exit(1))
    found = _look(Path(asked["root"]), tuple(asked["texts"]), Path(asked["skipped"]))
    sys.stdout.write(json.dumps([asdict(file) for file in found]))
    sys.stdout.flush()
    os._exit(0)  # the thread that watches standard input would hold an ordinary exit


if __name__ == "__main__":
    main()
