"""Frames that could not be loaded, kept beside the journal. Knows no log and no reason.

One file for each, mode 0600, holding the raw frame. Its name follows from its bytes: the same frame set
aside twice is one file.
"""

from __future__ import annotations

import os
from pathlib import Path

from store.disk import sync
from store.ids import digest
from store.journal.segment import instance_of

FOLDER = "rejected"
_SUFFIX = ".frame"
_NAME_DIGITS = 16


def set_aside(journal: Path, segment: str, raw: bytes) -> Path:
    """Keep a frame of a segment on the disk; return its file. OSError where the disk refuses."""
    folder = journal / FOLDER
    folder.mkdir(mode=0o700, exist_ok=True)
    path = folder / f"{instance_of(segment)}-{digest(raw)[:_NAME_DIGITS]}{_SUFFIX}"
    draft = path.with_suffix(".tmp")
    with os.fdopen(os.open(draft, os.O_CREAT | os.O_TRUNC | os.O_WRONLY, 0o600), "wb") as file:
        file.write(raw)
        file.flush()
        os.fsync(file.fileno())
    draft.replace(path)
    sync(folder)
    return path


def kept(journal: Path) -> list[Path]:
    """Return the files of the frames that were set aside."""
    return sorted((journal / FOLDER).glob(f"*{_SUFFIX}"))


def forget(journal: Path, before_ts: float) -> int:
    """Delete what was set aside before a time (Unix seconds); return how many."""
    old = [path for path in kept(journal) if path.stat().st_mtime < before_ts]
    for path in old:
        path.unlink(missing_ok=True)
    return len(old)
