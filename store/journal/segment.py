"""Names, creates and holds segment files. Knows no record and no policy.

A name, `<writer>-<time_ns hex>-<pid>-<seq>.seg`, is never used twice. Whoever holds the exclusive
lock of the file may append; a file that nobody locks is sealed. A segment gets its name only after it
is locked and has its header, so no one ever sees a half-made one. The time in a name is a label: no order
and no uniqueness hangs on it.
"""

from __future__ import annotations

import fcntl
import os
import time
from dataclasses import dataclass
from pathlib import Path

from store.journal import frame

SUFFIX = ".seg"
IMPORT = "import"  # the writer whose records have ids made of what they say: they come more than once
_DRAFT_S = 60.0  # a draft lives for microseconds; one this old has no owner


@dataclass(slots=True)
class Segment:
    """An open, locked segment. `size` counts whole frames and the header, in bytes."""

    path: Path
    handle: int
    size: int

    @classmethod
    def create(cls, folder: Path, instance: str, seq: int) -> Segment:
        """Make, lock and name a segment; OSError where the disk refuses."""
        path = folder / f"{instance}-{seq:08d}{SUFFIX}"
        draft = path.with_suffix(".tmp")
        handle = os.open(draft, os.O_CREAT | os.O_EXCL | os.O_RDWR | os.O_APPEND | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
            segment = cls(path=path, handle=handle, size=0)
            segment.append(frame.header())
            draft.rename(path)
        except OSError:
            os.close(handle)
            draft.unlink(missing_ok=True)
            raise
        return segment

    @property
    def empty(self) -> bool:
        """Whether it holds no frame yet."""
        return self.size <= frame.HEADER_BYTES

    def append(self, data: bytes) -> None:
        """Write a frame whole; on OSError the file ends where it ended before."""
        try:
            written = os.write(self.handle, data)
            while written < len(data):
                written += os.write(self.handle, memoryview(data)[written:])
        except OSError:
            self._take_back()
            raise
        self.size += len(data)

    def _take_back(self) -> None:
        try:
            os.ftruncate(self.handle, self.size)
        except OSError:
            # The torn bytes stay; a reader finds the next frame behind them.
            self.size = os.fstat(self.handle).st_size

    def sync(self) -> None:
        """Bring what was appended to the disk."""
        os.fdatasync(self.handle)

    def close(self) -> None:
        """Release the lock: the segment is sealed."""
        os.close(self.handle)


def fresh_instance(folder: Path, name: str) -> str:
    """Return a writer instance that no segment of the folder is named after, whatever the clock says."""
    taken = {instance_of(segment) for segment in names(folder)}
    at = time.time_ns()
    while (instance := f"{name}-{at:016x}-{os.getpid()}") in taken:
        at += 1
    return instance


def instance_of(name: str) -> str:
    """Return the writer instance that a segment's file name belongs to."""
    return name.removesuffix(SUFFIX).rsplit("-", 1)[0]


def of_import(name: str) -> bool:
    """Whether a segment's file name is of the writer that brings in what other programs recorded."""
    return name.startswith(f"{IMPORT}-")


def names(folder: Path) -> list[str]:
    """Return the segments of a folder, each writer instance's in the order of their making."""
    return sorted(entry.name for entry in folder.iterdir() if entry.name.endswith(SUFFIX))


def sealed(handle: int) -> bool:
    """Whether no writer holds the segment any more."""
    try:
        fcntl.flock(handle, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def sweep(folder: Path) -> None:
    """Remove the drafts of writers that ended before they named them."""
    for draft in folder.glob("*.tmp"):
        try:
            handle = os.open(draft, os.O_RDONLY)
        except FileNotFoundError:
            continue  # its living writer has named it meanwhile
        try:
            old = time.time() - os.fstat(handle).st_mtime > _DRAFT_S
            if old and sealed(handle):
                draft.unlink(missing_ok=True)
        finally:
            os.close(handle)


def folder_bytes(folder: Path) -> int:
    """Return the bytes of all segments together."""
    total = 0
    with os.scandir(folder) as entries:
        for entry in entries:
            try:
                total += entry.stat().st_size if entry.name.endswith(SUFFIX) else 0
            except FileNotFoundError:
                continue  # loaded and deleted meanwhile
    return total
