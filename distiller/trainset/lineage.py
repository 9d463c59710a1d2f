"""Finds a call in a frozen trainset. Knows no student: who learnt from a trainset names it (`Student.trainset_id`)."""

from __future__ import annotations

import mmap
from pathlib import Path

from distiller.trainset.freeze import HELDOUT, TRAIN

_PARTS = {"train": TRAIN, "heldout": HELDOUT}


def part_with(folder: Path, call_id: str) -> str | None:
    """Return `train` or `heldout`, None where the call is in neither. Reads bytes, no rows: milliseconds."""
    wanted = f'{{"call_id":"{call_id}"'.encode()
    return next((part for part, name in _PARTS.items() if _has(folder / name, wanted)), None)


def _has(path: Path, wanted: bytes) -> bool:
    try:
        with path.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as content:
            return content.find(wanted) >= 0
    except (FileNotFoundError, ValueError):  # not there (any more), or empty
        return False
