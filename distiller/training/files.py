"""The files of a job and its rungs, and how they are written: whole. Knows no content."""

from __future__ import annotations

import os
from pathlib import Path

SPEC = "spec.json"  # in a rung's folder: what its child is told
CANCELLED = "CANCELLED"  # in a job's folder: an operator ended it for good
PROGRAM = "program.json"  # in `out`: how requests are rewritten for this student


def write(path: Path, text: str) -> None:
    """Write a file by atomic rename, on disk when this returns."""
    partial = path.with_name(path.name + ".part")
    with partial.open("w", encoding="utf-8") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
    partial.replace(path)
