"""`python -m stillhouse.sweep.child`: searches every file below a folder. Knows no subject and no store.

In:  {"root", "texts", "skipped"}: one JSON line, then standard input stays open
Out: [{"name", "bytes", "whole", "inside"}]
It stops when standard input closes.
"""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path
from typing import NoReturn

from stillhouse.processes import stdin
from stillhouse.sweep.files import Searched
from stillhouse.sweep.forms import Search

LOWEST_PRIORITY = 19


def look(root: Path, texts: tuple[str, ...], skipped: Path) -> Iterator[Searched]:
    """Search one file after the other; one that goes away meanwhile is none."""
    search = Search(texts)
    for path in _files(root, skipped):
        try:
            found = search.file(path)
        except FileNotFoundError:
            continue  # a segment that was loaded
        name = path.relative_to(root).as_posix()
        yield Searched(name=name, bytes=found.size, whole=found.whole, inside=found.inside)


def _files(root: Path, skipped: Path) -> Iterator[Path]:
    for folder, _, names in os.walk(root):
        for name in sorted(names):
            path = Path(folder, name)
            if path.parent != skipped and path.is_file() and not path.is_symlink():
                yield path


def main() -> NoReturn:
    """Answer one question."""
    os.nice(LOWEST_PRIORITY)
    asked = json.loads(sys.stdin.readline())
    stdin.watch(lambda: os._exit(1))
    found = look(Path(asked["root"]), tuple(asked["texts"]), Path(asked["skipped"]))
    sys.stdout.write(json.dumps([asdict(file) for file in found]))
    sys.stdout.flush()
    os._exit(0)  # the thread that watches standard input would hold an ordinary exit


if __name__ == "__main__":
    main()
