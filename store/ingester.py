"""Loads the journal into the log, exactly once. Knows no wire format and no price: both are handed in.

The rows of a step and how far each segment was read are one transaction of the log. A segment that is
sealed and loaded to its end is deleted. One ingester per journal folder: a lock file sees to it.
"""

from __future__ import annotations

import fcntl
import logging
import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from store.errors import LogLocked, SchemaTooNew, StoreError
from store.journal import frame
from store.journal.frame import Record
from store.journal.segment import instance_of, names, sealed, sweep
from store.log import Log
from store.log.load import Batch, Offset
from store.vocabulary import Answer, Attempt, Call, Feedback, Usage, Who

_log = logging.getLogger(__name__)

_CHUNK = 8 << 20  # bytes of one segment read at a time
_STEP_BYTES = 32 << 20  # bytes of all segments after which a step ends
_REMEMBERED = 100_000  # calls whose surface is kept in memory for their attempts

ReadAnswer = Callable[[str, str, int, bytes], Answer]
Price = Callable[[str, Usage], float | None]


@dataclass(frozen=True, kw_only=True, slots=True)
class _Read:
    """What one look at a segment found."""

    offset: Offset  # after it
    records: tuple[Record, ...]
    taken: int  # bytes


class Ingester:
    """The one reader of a journal folder.

    `read_answer(surface, content_type, status, body)` reads an attempt's body, `price(model, usage)`
    gives US dollars or None. Raises LogLocked when another ingester holds the folder.
    """

    def __init__(
        self, log: Log, folder: str | os.PathLike[str], read_answer: ReadAnswer, price: Price
    ) -> None:
        self._loader = log.loader
        self._folder = Path(folder)
        self._read_answer = read_answer
        self._price = price
        self._surfaces: dict[str, str] = {}
        self._unreadable: set[str] = set()
        self._lock = _lock(self._folder)
        self._offsets = {offset.segment: offset for offset in self._loader.offsets()}
        self._first = True
        sweep(self._folder)

    def close(self) -> None:
        """Let another ingester take the folder."""
        os.close(self._lock)

    def step(self) -> int:
        """Load what is there, up to some tens of megabytes; return how many records that were."""
        reads = self._read_segments()
        moved = [read for read in reads if read.offset != self._offsets.get(read.offset.segment)]
        batch = Batch(offsets=[read.offset for read in moved])
        batch.dead_writers = self._dead_writers(moved)
        self._fill(batch, moved)
        if moved or batch.dead_writers:
            self._loader.load(batch)
        self._first = False
        for offset in batch.offsets:
            self._offsets[offset.segment] = offset
        self._clear()
        return sum(len(read.records) for read in moved)

    def _read_segments(self) -> list[_Read]:
        reads: list[_Read] = []
        left = _STEP_BYTES
        for name in names(self._folder):
            known = self._offsets.get(name, Offset(segment=name, position=0))
            if known.sealed or name in self._unreadable:
                continue
            try:
                read = self._read_segment(known)
            except SchemaTooNew as error:
                _log.warning("%s It stays where it is.", error)
                self._unreadable.add(name)
                continue
            reads.append(read)
            left -= read.taken
            if left <= 0:
                break
        return reads

    def _read_segment(self, known: Offset) -> _Read:
        handle = os.open(self._folder / known.segment, os.O_RDONLY | os.O_CLOEXEC)
        try:
            closed = sealed(handle)  # before the size: nothing is appended to it after
            size = os.fstat(handle).st_size
            if known.position == 0:
                known = _begin(handle, known)
            data = b""
            want = _CHUNK
            while True:
                data = os.pread(handle, want, known.position)
                last = known.position + len(data) >= size
                found = frame.scan(data, final=closed and last)
                if found.end or last:
                    break
                want *= 2  # a frame longer than the chunk
        finally:
            os.close(handle)
        records, undecodable = _decode(found.frames, known.segment)
        offset = replace(
            known,
            position=known.position + found.end,
            records=known.records + len(records),
            corrupt=known.corrupt + found.corrupt + undecodable,
            sealed=closed and known.position + found.end >= size,
        )
        return _Read(offset=offset, records=records, taken=len(data))

    def _dead_writers(self, moved: Sequence[_Read]) -> set[str]:
        """Return the writers whose open calls will get no answer any more.

        A writer makes its next segment before it releases the last, so the folder is looked at
        again: only a writer without any segment that is not loaded to its end is gone.
        """
        if not self._first and not any(read.offset.sealed for read in moved):
            return set()
        done = {name for name, offset in self._offsets.items() if offset.sealed}
        done |= {read.offset.segment for read in moved if read.offset.sealed}
        living = {instance_of(name) for name in names(self._folder) if name not in done}
        ended = {instance_of(read.offset.segment) for read in moved if read.offset.sealed}
        if self._first:
            ended |= self._loader.open_writers()
        return ended - living

    def _fill(self, batch: Batch, reads: Sequence[_Read]) -> None:
        attempts: list[Attempt] = []
        for read in reads:
            writer = instance_of(read.offset.segment)
            for record in read.records:
                match record:
                    case Call():
                        batch.calls.append((record, writer))
                        self._surfaces[record.call_id] = record.surface
                    case Attempt():
                        attempts.append(record)
                    case Feedback():
                        batch.feedback.append(record)
        self._recall(attempts)
        batch.attempts.extend(self._understand(attempt) for attempt in attempts)
        for call_id in list(self._surfaces)[: max(0, len(self._surfaces) - _REMEMBERED)]:
            del self._surfaces[call_id]

    def _recall(self, attempts: Sequence[Attempt]) -> None:
        """Ask the log for the surfaces of calls that an earlier process loaded."""
        missing = {attempt.call_id for attempt in attempts if attempt.call_id not in self._surfaces}
        if missing:
            self._surfaces.update(self._loader.surfaces(missing))

    def _understand(self, attempt: Attempt) -> tuple[Attempt, Answer, float | None]:
        surface = self._surfaces.get(attempt.call_id, "chat")
        try:
            answer = self._read_answer(surface, attempt.content_type, attempt.status, attempt.body)
            cost = self._price(attempt.model, answer.usage) if attempt.body else None
        except Exception:  # noqa: BLE001  (logged with its trace)
            # What was handed in must not keep the record out of the log: the raw bytes are kept.
            _log.exception("the answer of attempt %s could not be read", attempt.attempt_id)
            return attempt, Answer(completion=None), None
        if cost is None and attempt.who is Who.STUDENT:
            cost = 0.0
        return attempt, answer, cost

    def _clear(self) -> None:
        """Delete what is loaded for good."""
        for name in names(self._folder):
            offset = self._offsets.get(name)
            if offset is not None and offset.sealed:
                (self._folder / name).unlink(missing_ok=True)


def _begin(handle: int, known: Offset) -> Offset:
    head = os.pread(handle, frame.HEADER_BYTES, 0)
    damaged = not frame.header_sound(head, known.segment)
    return replace(known, position=min(frame.HEADER_BYTES, len(head)), corrupt=known.corrupt + int(damaged))


def _decode(frames: Sequence[frame.Frame], name: str) -> tuple[tuple[Record, ...], int]:
    records: list[Record] = []
    failed = 0
    for item in frames:
        try:
            records.append(item.record())
        except StoreError as error:
            failed += 1
            _log.warning("%s: %s", name, error)
    return tuple(records), failed


def _lock(folder: Path) -> int:
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    handle = os.open(folder / ".lock", os.O_CREAT | os.O_RDWR | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(handle)
        raise LogLocked(f"Another process ingests the journal {folder}.") from None
    return handle
