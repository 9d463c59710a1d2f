"""What a backup consists of, file by file. Knows no store."""

from __future__ import annotations

import hashlib
import json
import os
import platform
import sqlite3
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from importlib.metadata import version
from pathlib import Path, PurePosixPath

from stillhouse import __version__
from stillhouse.errors import Refused

FILE = "manifest.json"
_FORMAT = 1


@dataclass(frozen=True, kw_only=True, slots=True)
class Entry:
    """One file."""

    sha256: str
    bytes: int


@dataclass(frozen=True, kw_only=True, slots=True)
class Manifest:
    """A backup, described. Paths are below its folder, with slashes."""

    made: float  # Unix seconds, when it was begun: what is older is in it
    files: dict[str, Entry]
    versions: dict[str, str]
    format: int = _FORMAT

    @property
    def bytes(self) -> int:
        """The size of all files."""
        return sum(entry.bytes for entry in self.files.values())


def describe(folder: Path, made: float) -> Manifest:
    """Describe what lies in a folder."""
    names = sorted(path.relative_to(folder).as_posix() for path in _files(folder))
    versions = {
        "stillhouse": __version__,
        "python": platform.python_version(),
        "duckdb": version("duckdb"),
        "sqlite": sqlite3.sqlite_version,
    }
    return Manifest(made=made, files={name: _entry(folder / name) for name in names}, versions=versions)


def write(folder: Path, manifest: Manifest) -> None:
    """Put the manifest into the folder."""
    with (folder / FILE).open("w", encoding="utf-8") as file:
        json.dump(asdict(manifest), file, indent=1)
        file.flush()
        os.fsync(file.fileno())


def read(folder: Path) -> Manifest:
    """Read the manifest of a backup. Raises Refused where there is none, or of a later program."""
    try:
        told = json.loads((folder / FILE).read_text("utf-8"))
        if told["format"] != _FORMAT:
            raise Refused(
                f"The backup {folder} was made by another version ({told['versions']['stillhouse']})."
            )
        return Manifest(**{**told, "files": {name: Entry(**entry) for name, entry in told["files"].items()}})
    except FileNotFoundError as error:
        raise Refused(f"There is no backup in {folder}: no {FILE}.") from error
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise Refused(f"The manifest of {folder} cannot be read.") from error


def check(folder: Path, manifest: Manifest) -> None:
    """Compare every file with the manifest. Raises Refused, naming the first that differs."""
    for name, entry in manifest.files.items():
        pure = PurePosixPath(name)
        if pure.is_absolute() or ".." in pure.parts:
            raise Refused(f"The manifest of {folder} names a file outside of it: {name}.")
        path = folder / name
        if path.is_symlink() or not path.is_file():
            raise Refused(f"{name} is missing in the backup {folder}.")
        if _entry(path) != entry:
            raise Refused(f"{name} in the backup {folder} is not what was written there.")


def _entry(path: Path) -> Entry:
    with path.open("rb") as file:
        return Entry(sha256=hashlib.file_digest(file, "sha256").hexdigest(), bytes=path.stat().st_size)


def _files(folder: Path) -> Iterator[Path]:
    return (path for path in folder.rglob("*") if path.is_file() and path.name != FILE)
