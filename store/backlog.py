"""What lies in the journal and is not in the log yet: how much, and since when. Knows no log and no record.

Ages are taken of a clock that is never set. What lay there before this process began is as old as its
file says by the wall clock, to within the time after which a segment rolls.
"""

from __future__ import annotations

import os
import threading
import time
from array import array
from bisect import bisect_right
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from store.journal import frame
from store.journal.segment import names

_MARK_S = 0.25  # marks of one segment are at least this far apart
_WALK = 50_000  # frames of one segment that are counted in one look


@dataclass(frozen=True, kw_only=True, slots=True)
class Backlog:
    """What is not in the log yet."""

    records: int = 0  # counted so far; the rest of a long backlog follows with the next looks
    bytes: int = 0
    lag_s: float = 0.0  # age of the oldest record


@dataclass(slots=True)
class _Waiting:
    """One segment's unloaded part."""

    walked: int = 0  # bytes up to which records were counted
    ends: array[int] = field(
        default_factory=lambda: array("Q")
    )  # where each counted record that is not loaded ends
    marks: list[tuple[int, float]] = field(default_factory=list)  # a size, and when it was first seen


class Watch:
    """Looks at a journal folder again and again. Thread-safe."""

    def __init__(
        self,
        folder: Path,
        clock: Callable[[], float] = time.monotonic,
        wall: Callable[[], float] = time.time,
    ) -> None:
        self._folder = folder
        self._clock = clock
        self._wall = wall
        self._lock = threading.Lock()  # guards: one look at a time
        self._segments: dict[str, _Waiting] = {}
        self._first = True

    def look(self, loaded: Mapping[str, int]) -> Backlog:
        """Say what waits; `loaded` is how many bytes of each segment are in the log."""
        with self._lock:
            now, waiting, size = self._clock(), 0, 0
            found: dict[str, _Waiting] = {}
            since = now
            for name in names(self._folder):
                position = max(loaded.get(name, 0), frame.HEADER_BYTES)
                try:
                    handle = os.open(self._folder / name, os.O_RDONLY | os.O_CLOEXEC)
                except FileNotFoundError:
                    continue  # loaded and deleted meanwhile
                try:
                    seen = found[name] = self._segments.get(name) or _Waiting()
                    status = os.fstat(handle)
                    age = max(0.0, self._wall() - status.st_mtime) if self._first else 0.0
                    _mark(seen, position, status.st_size, now - age)
                    _walk(seen, handle, position, status.st_size)
                finally:
                    os.close(handle)
                size += max(0, status.st_size - position)
                waiting += len(seen.ends)
                since = min([since, *(moment for _, moment in seen.marks[:1])])
            self._segments, self._first = found, False
            return Backlog(records=waiting, bytes=size, lag_s=now - since)


def _mark(seen: _Waiting, position: int, size: int, now: float) -> None:
    """Remember when the segment was seen to be so long; forget what is loaded."""
    seen.marks = [mark for mark in seen.marks if mark[0] > position]
    if size <= position or (seen.marks and seen.marks[-1][0] >= size):
        return
    if seen.marks and now - seen.marks[-1][1] < _MARK_S:
        seen.marks[-1] = (size, seen.marks[-1][1])  # a little older than it is, and never younger
    else:
        seen.marks.append((size, now))


def _walk(seen: _Waiting, handle: int, position: int, size: int) -> None:
    """Count the records between what is loaded and the end, by the heads of their frames."""
    if seen.walked < position:
        seen.walked, seen.ends = position, array("Q")
    del seen.ends[: bisect_right(seen.ends, position)]
    for _ in range(_WALK):
        head = os.pread(handle, frame.FRAME_BYTES, seen.walked)
        found = frame.head_of(head)
        if found is None or seen.walked + found.bytes > size:
            return  # an unfinished frame, or damage: known once it is loaded
        seen.walked += found.bytes
        if found.counts:
            seen.ends.append(seen.walked)
