"""Names the files of the log and clears away what belongs to nobody. Knows no DuckDB.

`log.duckdb` is the hot file; below `log/` lie the sealed months, `<YYYY-MM>.<id>.duckdb`, drafts of either, and
`tmp/`, to which queries spill. A file that the hot file does not list is a leftover.
"""

from __future__ import annotations

import re
import shutil
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from store.errors import StoreError
from store.ids import new_id

_SUFFIX = ".duckdb"
_OURS = re.compile(r"(?:\d{4}-\d\d|hot)\.[0-9a-f-]{36}\.(?:duckdb|draft)(?:\.wal)?")


def folder(path: Path) -> Path:
    """Return the folder of the sealed months of a log."""
    return path.with_suffix("") if path.suffix else path.with_name(f"{path.name}.months")


def name(part: str) -> str:
    """Return the file name of a sealed part."""
    return f"{part}{_SUFFIX}"


def wal(path: Path) -> Path:
    """Return where DuckDB keeps the write-ahead log of a file."""
    return path.with_name(f"{path.name}.wal")


def new_part(month: str) -> str:
    """Return the name of a part that was never used before; `month` is YYYY-MM."""
    return f"{month}.{new_id()}"


def draft(place: Path, part: str) -> Path:
    """Return where a part is written before it gets its name."""
    return place / f"{part}.draft"


@contextmanager
def spill(place: Path) -> Iterator[Path]:
    """Give a folder of one's own to spill to, made private; taken away again if what follows fails."""
    path = place / "tmp" / new_id()
    with suppress(OSError):  # a log on a read-only disk is read without
        place.mkdir(mode=0o700, exist_ok=True)
        path.mkdir(mode=0o700, parents=True, exist_ok=True)
    try:
        yield path
    except BaseException:
        empty(path)
        raise


def empty(path: Path) -> None:
    """Remove a folder with all that is in it, if it is there."""
    shutil.rmtree(path, ignore_errors=True)


def forget(path: Path) -> None:
    """Remove a database file and its write-ahead log."""
    for file in (path, wal(path)):
        file.unlink(missing_ok=True)


def check_alone(place: Path) -> None:
    """Raise StoreError where sealed months lie without the hot file that lists them."""
    if any(place.glob(f"*{_SUFFIX}")):
        raise StoreError(
            f"There are sealed months in {place}, but no log beside it: restore it from a backup."
        )


def sweep(place: Path, *, keep: Iterable[str], spill: Path) -> None:
    """Remove what an earlier process left: files that are not listed, and what it spilt.

    Only for who holds the hot file open for writing: nobody else is at work then.
    """
    kept = {name(part) for part in keep}
    for entry in place.iterdir():
        if _OURS.fullmatch(entry.name) and entry.name not in kept:
            entry.unlink(missing_ok=True)
    for entry in (place / "tmp").iterdir():
        if entry != spill:
            empty(entry)
