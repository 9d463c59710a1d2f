"""Writes a rung's files whole. Knows no content."""

from __future__ import annotations

import os
from pathlib import Path

PROGRAM = "program.json"  # in `out`: how requests are rewritten for this student


def write(path: Path, text: str) -> None:
    """Write a file by atomic rename, on disk when this returns."""
    partial = path.with_name(path.name + ".part")
    with partial.open("w", encoding="utf-8") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
    partial.replace(path)
