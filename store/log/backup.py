"""Copies the files of the log. Knows no row."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

from store.disk import sync
from store.errors import StoreError
from store.log import files
from store.log.database import LOG, Database

_COPY = "import shutil, sys; shutil.copyfile(sys.argv[1], sys.argv[2])"


def backup(database: Database, folder: Path) -> list[Path]:
    """Copy the hot file and the months it lists, and return the copies. Raises StoreError where one cannot be.

    Nothing is loaded meanwhile, so the hot file and its write-ahead log belong together.
    """
    place = files.folder(folder / database.path.name)
    with database.turn:
        place.mkdir(mode=0o700, parents=True, exist_ok=True)
        if not database.read_only:
            database.engine.checkpoint(LOG)
        pairs = [(database.path, folder / database.path.name)]
        if files.wal(database.path).exists():
            pairs.append((files.wal(database.path), files.wal(folder / database.path.name)))
        for source, target in pairs:
            _copy_open(source, target)
        for part in database.months:
            pairs.append((database.folder / files.name(part), place / files.name(part)))
            shutil.copyfile(*pairs[-1])
    for _, target in pairs:
        target.chmod(0o600)
        sync(target)
    return [target for _, target in pairs]


def _copy_open(source: Path, target: Path) -> None:
    """Copy a file in another process: closing it in this one would drop DuckDB's lock."""
    done = subprocess.run(  # noqa: S603 - our own interpreter
        [sys.executable, "-I", "-c", _COPY, str(source), str(target)],
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        raise StoreError(f"{source} cannot be copied: {done.stderr.strip().splitlines()[-1]}")
