"""Appends records to the journal. Does not know who reads them, nor what they mean.

A record is in the kernel's hands when `append` returns: it survives the death of the process. A group
`fdatasync` in a daemon thread follows within `sync_interval_s`: then it survives a power cut, too. That
thread alone makes and syncs files, so a disk that hangs keeps nobody waiting: what waits for it is bounded
by `max_unsynced`, and beyond that `on_full` decides.
"""

from __future__ import annotations

import asyncio
import logging
import os
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from store.disk import sync
from store.errors import JournalFull, StoreError
from store.ids import new_id
from store.journal import frame
from store.journal.counts import Counts, tally
from store.journal.frame import Record
from store.journal.pace import Pace
from store.journal.room import Room
from store.journal.segment import Segment, fresh_instance
from store.journal.waiters import Waiters
from store.vocabulary import Call

_log = logging.getLogger(__name__)

SEGMENT_BYTES = 64 << 20
SYNC_INTERVAL_S = 0.01
MAX_BYTES = 8 << 30
MAX_UNSYNCED = 128 << 20  # 7/8 of it hold the largest call and the largest answer that a gateway takes
ROLL_S = 30.0
TALLY_S = 10.0
PATIENCE_S = 5.0  # that someone who waits for the disk, or closes, has
OnFull = Literal["serve", "refuse"]
_CALLS_SHARE = 7 / 8  # of either bound; the rest is for the outcomes of calls already accepted
_REST_S = 1.0  # after a roll that the disk refused
_SLOW = "the disk is slow"


@dataclass(slots=True)
class WriterStats:
    """Counts since the writer was opened."""

    kept: Counts = field(default_factory=Counts)
    lost: Counts = field(default_factory=Counts)  # nobody kept them; a call that was refused is not one
    bytes: int = 0
    syncs: int = 0
    sync_errors: int = 0
    segments: int = 0


class SegmentWriter:
    """The one appender of its own segments. Thread-safe; one per process and name.

    `lost` is what was lost before it could be opened: its tallies say that, too.
    """

    def __init__(
        self,
        folder: str | os.PathLike[str],
        name: str,
        *,
        segment_bytes: int = SEGMENT_BYTES,
        sync_interval_s: float = SYNC_INTERVAL_S,
        max_bytes: int = MAX_BYTES,
        max_unsynced: int = MAX_UNSYNCED,
        roll_s: float = ROLL_S,
        tally_s: float = TALLY_S,
        on_full: OnFull = "serve",
        lost: Counts | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._folder = Path(folder)
        self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        # Small enough that a full journal has sealed segments which the ingester can clear away.
        self._segment_bytes = min(segment_bytes, max(max_bytes // 8, frame.HEADER_BYTES + 1))
        self._sync_interval_s = sync_interval_s
        self._max_bytes = max_bytes
        self._max_unsynced = max_unsynced
        self._on_full = on_full
        self._clock = clock
        self._lock = threading.Lock()  # guards: one frame at a time, `_segment` is the open one, all counts
        self._work = threading.Condition(self._lock)
        self.stats = WriterStats(lost=lost or Counts(), segments=1)
        self._room = Room(self._folder, max_bytes, clock)
        self._pace = Pace(roll_s=roll_s, tally_s=tally_s)
        if self.stats.lost.total:
            self._pace.counted(clock())
        self._waiters = Waiters()
        self._roll_wanted = False
        self._roll_from = clock()  # no roll is tried before
        self._closing = False
        self._synced = 0  # bytes of `stats.bytes` that the disk has, or has refused
        self._refused = -1  # bytes up to which the last sync that failed went
        self._end = 0  # of the last record, in `stats.bytes`
        try:
            self.instance = fresh_instance(self._folder, name)
            self._segment = Segment.create(self._folder, self.instance, 0)
        except OSError as error:
            raise JournalFull(f"The journal cannot be opened in {self._folder}: {error.strerror}.") from error
        self._retired: list[Segment] = []  # full ones, to be synced and released; the thread's own
        self._new_names = True  # the thread's own
        self._thread = threading.Thread(target=self._keep, name=f"journal-{name}", daemon=True)
        self._thread.start()

    @property
    def unsynced(self) -> int:
        """Bytes that wait for the disk."""
        return self.stats.bytes - self._synced

    def append(self, record: Record) -> bool:
        """Write a record before returning.

        False: not kept, counted in `stats.lost` (`on_full="serve"`). Raises JournalFull then with
        `on_full="refuse"`, and StoreError for a writer that was closed or a record that no frame holds; a
        call that is refused so is not counted, nothing else came of it.
        """
        try:
            data = frame.encode(record)
        except StoreError:
            with self._lock:
                self._lose(record, told=True)
            raise
        with self._lock:
            if self._closing:
                self._lose(record, told=True)
                raise StoreError("The journal writer was closed.")
            share = _CALLS_SHARE if isinstance(record, Call) else 1.0
            reason = self._refusal(len(data), share) or self._write(data)
            if reason is None:
                self._end = self.stats.bytes
                self.stats.kept.add(record)
                if self._pace.idle:
                    self._pace.appended(self._clock())
                return True
            self._lose(record, told=self._on_full == "refuse")
        if self._on_full == "refuse":
            raise JournalFull(f"The journal in {self._folder} takes no more: {reason}.")
        return False

    async def synced(self) -> None:
        """Wait until every record appended so far is on the disk; StoreError where it cannot be, or is slow."""
        with self._lock:
            if self._end <= self._synced:
                if self._end <= self._refused:
                    raise _undone("it refused")
                return
            if self._closing:
                raise StoreError("The journal writer was closed.")
            waiter = self._waiters.add(self._end)
            self._work.notify()
        try:
            await asyncio.wait_for(waiter.future, PATIENCE_S)
        except TimeoutError as error:
            raise _undone(_SLOW) from error
        finally:
            with self._lock:
                self._waiters.forget(waiter)

    def close(self) -> None:
        """Sync, seal the segment and stop, as far as the disk lets it in `PATIENCE_S`. Safe to call twice."""
        with self._lock:
            self._closing = True
            self._work.notify()
        self._thread.join(PATIENCE_S)
        if self._thread.is_alive():
            _log.error("the journal in %s is left unsynced: %s", self._folder, _SLOW)

    def _lose(self, record: Record, *, told: bool) -> None:
        """Count a record that is not kept, but for a call that was refused. The lock is held."""
        if told and isinstance(record, Call):
            return
        self.stats.lost.add(record)
        self._pace.counted(self._clock())
        self._work.notify()

    def _refusal(self, size: int, share: float) -> str | None:
        """Say why the record may not grow the journal, or None. The lock is held."""
        if self.stats.bytes - self._synced + size > self._max_unsynced * share:
            return _SLOW
        if self._room.fits(size, share):
            return None
        self._want_roll()  # so that the ingester can load all of it and clear it away
        return f"its {self._max_bytes} bytes are used"

    def _write(self, data: bytes) -> str | None:
        """Append a frame; the reason where the disk refused. The lock is held."""
        if self._segment.size + len(data) > self._segment_bytes:
            self._want_roll()
        try:
            self._segment.append(data)
        except OSError as error:
            self._want_roll()
            return (error.strerror or str(error)).lower()
        if self.stats.bytes == self._synced:
            self._work.notify()
        self.stats.bytes += len(data)
        self._room.took(len(data))
        return None

    def _want_roll(self) -> None:
        """Let the thread go on in a new segment; until then this one grows. The lock is held."""
        if not self._segment.empty and not self._roll_wanted and self._clock() >= self._roll_from:
            self._roll_wanted = True
            self._work.notify()

    # -- the thread

    def _keep(self) -> None:
        """Sync whenever there is something new, at most once per interval unless someone waits."""
        closing = False
        while not closing:
            with self._lock:
                self._work.wait_for(self._stirred, self._pace.wait_s(self._clock()))
                if self.unsynced:
                    self._work.wait_for(self._hurried, self._sync_interval_s)
                closing = self._closing
            self._tend(closing=closing)
            if self.unsynced or self._retired:
                self._sync_once()
        with self._lock:
            self._segment.close()
            self._waiters.settle(None, StoreError("The journal writer was closed."))

    def _stirred(self) -> bool:
        return bool(self.unsynced) or self._hurried() or self._pace.wait_s(self._clock()) == 0

    def _hurried(self) -> bool:
        return self._closing or self._roll_wanted or bool(self._waiters)

    def _tend(self, *, closing: bool) -> None:
        """Roll and tally, where it is time."""
        with self._lock:
            now = self._clock()
            roll = self._roll_wanted or self._pace.roll_due(now)
            self._roll_wanted = False
            if closing or self._pace.tally_due(now):
                self._tally(now)
        if roll and not closing:
            self._roll()

    def _roll(self) -> None:
        """Go on in a new segment, after a last tally in this one.

        The new one exists before the old one is released: whoever sees all of a writer's segments
        sealed knows that the writer is gone. Where the disk refuses, the old one goes on.
        """
        try:
            fresh = Segment.create(self._folder, self.instance, self.stats.segments)
        except OSError as error:
            _log.warning("the journal cannot roll its segment: %s", error)
            with self._lock:
                self._roll_wanted = False  # by a record that came meanwhile
                self._roll_from = self._clock() + _REST_S
                self._pace.put_off_roll(self._clock())
            return
        with self._lock:
            self._tally(self._clock())
            self._retired.append(self._segment)
            self._segment = fresh
            self.stats.segments += 1
            self._roll_wanted = False
            self._pace.rolled()
        self._new_names = True

    def _tally(self, now: float) -> None:
        """Journal what was counted, where that changed; no loss where it cannot be. The lock is held."""
        if not self._pace.changed:
            return
        said = tally(new_id(), time.time(), self.instance, self.stats.kept, self.stats.lost)
        data = frame.encode(said)
        if self._room.fits(len(data), 1.0) and self._write(data) is None:
            self._pace.framed(now)
            self._pace.tallied()
        else:
            self._pace.put_off_tally(now)

    def _sync_once(self) -> None:
        with self._lock:
            target, segments = self.stats.bytes, [*self._retired, self._segment]
        failure = self._bring(segments)
        for segment in self._retired:
            segment.close()
        self._retired = []
        with self._lock:
            self.stats.syncs += 1
            self._synced = target
            if failure is not None:
                # What the kernel dropped is gone: later data goes to a file it has no doubts about.
                self.stats.sync_errors += 1
                self._refused = target
                self._want_roll()
            self._waiters.settle(target, failure)
            self._room.refresh()

    def _bring(self, segments: list[Segment]) -> StoreError | None:
        """Bring segments and their names to the disk; what went wrong, if something did."""
        failure: StoreError | None = None
        for segment in segments:
            try:
                segment.sync()
            except OSError as error:
                failure = _undone(error.strerror or str(error))
        try:
            if self._new_names:
                sync(self._folder)
                self._new_names = False
        except OSError as error:
            failure = _undone(error.strerror or str(error))
        if failure is not None:
            _log.error("%s", failure)
        return failure


def _undone(why: str) -> StoreError:
    return StoreError(f"The journal could not be brought to the disk: {why}.")
