"""Appends records to the journal. Does not know who reads them, nor what they mean.

A record is in the kernel's hands when `append` returns: it survives the death of the process. A group
`fdatasync` in a daemon thread follows within `sync_interval_s`: then it survives a power cut, too.
"""

from __future__ import annotations

import asyncio
import logging
import os
import threading
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from store.errors import JournalFull, StoreError
from store.journal import frame
from store.journal.frame import Record
from store.journal.segment import Segment, folder_bytes, sync_folder
from store.vocabulary import Call

_log = logging.getLogger(__name__)

SEGMENT_BYTES = 64 << 20
SYNC_INTERVAL_S = 0.01
MAX_BYTES = 8 << 30
OnFull = Literal["serve", "refuse"]
_CALLS_SHARE = 7 / 8  # of max_bytes; the rest is for the outcomes of calls already accepted
_MEASURE_S = 0.25  # how old a measurement of the folder may be once it is nearly full


@dataclass(slots=True)
class WriterStats:
    """Counts since the writer was opened."""

    records: int = 0
    bytes: int = 0
    lost: int = 0  # records not kept: the journal was full
    syncs: int = 0
    sync_errors: int = 0
    segments: int = 0


@dataclass(slots=True)
class _Waiter:
    target: int  # value of stats.bytes that must be on disk
    loop: asyncio.AbstractEventLoop
    future: asyncio.Future[None]


class SegmentWriter:
    """The one appender of its own segments. Thread-safe; one per process and name."""

    def __init__(
        self,
        folder: str | os.PathLike[str],
        name: str,
        *,
        segment_bytes: int = SEGMENT_BYTES,
        sync_interval_s: float = SYNC_INTERVAL_S,
        max_bytes: int = MAX_BYTES,
        on_full: OnFull = "serve",
    ) -> None:
        self.stats = WriterStats()
        self._folder = Path(folder)
        self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        self._instance = f"{name}-{time.time_ns():016x}-{os.getpid()}"
        self._max_bytes = max_bytes
        # Small enough that a full journal has sealed segments which the ingester can clear away.
        self._segment_bytes = min(segment_bytes, max(max_bytes // 8, frame.HEADER_BYTES + 1))
        self._sync_interval_s = sync_interval_s
        self._on_full = on_full
        self._lock = threading.Lock()  # guards: one frame at a time, and `_segment` is the open one
        self._work = threading.Condition(self._lock)
        self._retired: list[Segment] = []  # full ones, to be synced and released by the thread
        self._waiters: list[_Waiter] = []
        self._closing = False
        self._new_names = True
        self._synced = 0  # bytes of `stats.bytes` known to be on disk
        self._measured = 0
        self._measured_at = -_MEASURE_S
        self._own_since = 0
        try:
            self._segment = Segment.create(self._folder, self._instance, 0)
        except OSError as error:
            raise JournalFull(f"The journal cannot be opened in {self._folder}: {error.strerror}.") from error
        self.stats.segments = 1
        self._thread = threading.Thread(target=self._sync_forever, name=f"journal-{name}", daemon=True)
        self._thread.start()

    def append(self, record: Record) -> bool:
        """Write a record before returning.

        False: not kept, counted in `stats.lost` (`on_full="serve"`). Raises JournalFull then with
        `on_full="refuse"`, and StoreError for a writer that was closed.
        """
        data = frame.encode(record)
        with self._lock:
            if self._closing:
                raise StoreError("The journal writer was closed.")
            reason = self._refusal(len(data), is_call=isinstance(record, Call)) or self._write(data)
            if reason is None:
                return True
            self.stats.lost += 1
        if self._on_full == "refuse":
            raise JournalFull(f"The journal in {self._folder} is full: {reason}.")
        return False

    async def synced(self) -> None:
        """Wait until everything appended so far is on the disk; StoreError where it cannot be."""
        loop = asyncio.get_running_loop()
        with self._lock:
            if self._synced >= self.stats.bytes:
                return
            if self._closing:
                raise StoreError("The journal writer was closed.")
            waiter = _Waiter(self.stats.bytes, loop, loop.create_future())
            self._waiters.append(waiter)
            self._work.notify()
        await waiter.future

    def close(self) -> None:
        """Sync, seal the segment and stop. Safe to call twice."""
        with self._lock:
            self._closing = True
            self._work.notify()
        self._thread.join()

    def _refusal(self, size: int, *, is_call: bool) -> str | None:
        """Say why the record may not grow the journal, or None. The lock is held."""
        bound = self._max_bytes * (_CALLS_SHARE if is_call else 1)
        if self._total() + size <= bound:
            return None
        if time.monotonic() - self._measured_at >= _MEASURE_S:
            self._measure()
            if self._total() + size <= bound:
                return None
        if not self._segment.empty:
            self._roll()  # so that the ingester can load all of it and clear it away
        return f"its {self._max_bytes} bytes are used"

    def _total(self) -> int:
        return self._measured + self._own_since

    def _measure(self) -> None:
        self._measured_at = time.monotonic()
        try:
            self._measured, self._own_since = folder_bytes(self._folder), 0
        except OSError as error:
            _log.warning("the journal's folder cannot be measured: %s", error)

    def _write(self, data: bytes) -> str | None:
        """Append a frame; the reason where the disk refused. The lock is held."""
        if self._segment.size + len(data) > self._segment_bytes and not self._segment.empty:
            self._roll()
        try:
            self._segment.append(data)
        except OSError as error:
            if not self._segment.empty:
                self._roll()
            return (error.strerror or str(error)).lower()
        if not self._dirty:
            self._work.notify()
        self.stats.records += 1
        self.stats.bytes += len(data)
        self._own_since += len(data)
        return None

    def _roll(self) -> None:
        """Go on in a new segment. The lock is held.

        The new one exists before the old one is released: whoever sees all of a writer's segments
        sealed knows that the writer is gone. Where the disk refuses, the old one goes on.
        """
        try:
            fresh = Segment.create(self._folder, self._instance, self.stats.segments)
        except OSError as error:
            _log.warning("the journal cannot roll its segment: %s", error)
            return
        self._retired.append(self._segment)
        self._segment = fresh
        self.stats.segments += 1
        self._new_names = True
        self._work.notify()

    def _sync_forever(self) -> None:
        """Sync whenever there is something new, at most once per interval unless someone waits."""
        while True:
            with self._lock:
                self._work.wait_for(lambda: self._closing or self._dirty)
                self._work.wait_for(lambda: self._closing or bool(self._waiters), self._sync_interval_s)
                closing = self._closing
            self._sync_once()
            if closing:
                break
        with self._lock:
            self._segment.close()
            self._settle(self._synced, StoreError("The journal writer was closed."))

    @property
    def _dirty(self) -> bool:
        return bool(self._retired or self._waiters) or self._synced < self.stats.bytes

    def _sync_once(self) -> None:
        with self._lock:
            target, current = self.stats.bytes, self._segment
            retired, self._retired = self._retired, []
            names, self._new_names = self._new_names, False
        failure: StoreError | None = None
        try:
            for segment in (*retired, current):
                segment.sync()
            if names:
                sync_folder(self._folder)
        except OSError as error:
            failure = StoreError(f"The journal could not be brought to the disk: {error.strerror}.")
            _log.exception("the journal could not be brought to the disk")
        for segment in retired:
            segment.close()
        with self._lock:
            self.stats.syncs += 1
            if failure is not None:
                # What the kernel dropped is gone: later data goes to a file it has no doubts about.
                self.stats.sync_errors += 1
                self._roll()
            self._synced = target
            self._settle(target, failure)
            if time.monotonic() - self._measured_at > 4 * _MEASURE_S:
                self._measure()

    def _settle(self, target: int, failure: StoreError | None) -> None:
        """Answer those who wait for up to `target` bytes. The lock is held."""
        due = [w for w in self._waiters if w.target <= target or failure is not None]
        self._waiters = [w for w in self._waiters if w not in due]
        for waiter in due:
            try:
                waiter.loop.call_soon_threadsafe(_resolve, waiter, failure)
            except RuntimeError:
                continue  # its loop ended before the disk did


def _resolve(waiter: _Waiter, failure: StoreError | None) -> None:
    if waiter.future.done():
        return
    if failure is None:
        waiter.future.set_result(None)
    else:
        waiter.future.set_exception(failure)
