"""Loads the journal into the log, exactly once. Knows no wire format and no price: both are handed in.

The rows of a step and how far each segment was read are one transaction of the log. A segment that is
sealed and loaded to its end is deleted. A record that the log cannot hold is set aside, with its raw
bytes, and counted as damage: it must not keep the others out. One ingester per journal folder: a lock
file sees to it.
"""

from __future__ import annotations

import fcntl
import gc
import logging
import os
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from collections.abc import Set as AbstractSet
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import msgspec

from store import reading
from store.backlog import Backlog, Watch
from store.disk import sync
from store.errors import Conflict, LogLocked, LogRefused, SchemaTooNew, StoreError
from store.isolate import unfit
from store.journal.frame import Record
from store.journal.rejected import set_aside
from store.journal.segment import instance_of, names, of_import, sweep
from store.log import Log
from store.log.load import Batch, Offset
from store.log.rows import Kept, kept
from store.reading import Entry, Read
from store.vocabulary import Answer, Attempt, Call, Feedback, Usage, Who

_log = logging.getLogger(__name__)

_STEP_BYTES = 16 << 20  # bytes of all segments after which a step ends
_CATCH_UP_S = 10.0
_FOLDED_FROM = 100  # segments whose rows are then folded into one for each writer
# What the data of a record can bring about. A disk, a lock or memory that fails is no record's fault.
_SPOILT = (LogRefused, ValueError, TypeError, ArithmeticError, LookupError, AttributeError, RecursionError)

ReadAnswer = Callable[[str, str, int, bytes], Answer]
Price = Callable[[str, Usage], float | None]


class _Item(msgspec.Struct, frozen=True, gc=False):
    """What is loaded of one record."""

    entry: Entry
    row: Call | Kept | Feedback


class Ingester:
    """The one reader of a journal folder. Thread-safe.

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
        self._unreadable: set[str] = set()
        self._turn = threading.Lock()  # guards: one step at a time, and none after the folder is let go
        self._handle: int | None = _lock(self._folder)
        self._offsets = self._stored()
        self._watch = Watch(self._folder)
        self._first = True
        self._steps = 0
        self._more = False  # the last step ended by its size
        sweep(self._folder)

    def close(self) -> None:
        """Let another ingester take the folder, after a step that is under way. Safe to call twice."""
        with self._turn:
            if self._handle is not None:
                os.close(self._handle)
                self._handle = None

    def step(self) -> int:
        """Load what is there, up to some megabytes; return how many records were dealt with.

        Raises Conflict where someone else loaded the same in the meantime, StoreError once closed.
        """
        with self._turn:
            if self._handle is None:
                raise StoreError("The ingester was closed.")
            with _uncollected():
                return self._step()

    def catch_up(self, at_most_s: float = _CATCH_UP_S) -> int:
        """Step on while there is more than fits a step, for so long at most; return how many records were dealt with.

        Whoever turns it rests between two turns: the shorter they are, the more of a backlog's time is rest. Raises as
        `step` does, so one that is under way ends when the ingester is closed.
        """
        over = time.monotonic() + at_most_s
        done = self.step()
        while self._more and time.monotonic() < over:
            done += self.step()
        return done

    def backlog(self) -> Backlog:
        """Say what is in the journal and not in the log yet. Does not wait for a step that is under way."""
        offsets = list(self._offsets.values())
        return self._watch.look({offset.segment: offset.position for offset in offsets})

    def _step(self) -> int:
        reads = self._read_segments()
        moved = [read for read in reads if read.offset != self._offsets.get(read.offset.segment)]
        dead_writers = self._dead_writers(moved)
        if moved or dead_writers:
            try:
                offsets = self._load(moved, dead_writers)
            except Conflict:
                self._offsets = self._stored()
                raise
            self._offsets |= {offset.segment: offset for offset in offsets}
        self._first = False
        self._clear()
        return sum(len(read.entries) + len(read.unreadable) for read in moved)

    def _stored(self) -> dict[str, Offset]:
        return {offset.segment: offset for offset in self._loader.offsets()}

    def _read_segments(self) -> list[Read]:
        """Read each writer's segments in their order, another writer first each time."""
        reads: list[Read] = []
        left = _STEP_BYTES
        for segments in self._in_turn():
            for name in segments:
                read = self._read(name)
                if read is None:
                    continue
                reads.append(read)
                left -= read.taken
                if not read.whole or left <= 0:
                    break
            if left <= 0:
                break
        self._more = left <= 0
        return reads

    def _in_turn(self) -> list[list[str]]:
        segments: dict[str, list[str]] = {}
        for name in names(self._folder):
            segments.setdefault(instance_of(name), []).append(name)
        writers = list(segments.values())
        self._steps += 1
        first = self._steps % max(1, len(writers))
        return writers[first:] + writers[:first]

    def _read(self, name: str) -> Read | None:
        known = self._offsets.get(name, Offset(segment=name, position=0))
        if known.sealed or name in self._unreadable:
            return None
        try:
            return reading.read(self._folder, known)
        except SchemaTooNew as error:
            _log.warning("%s It stays where it is.", error)
            self._unreadable.add(name)
            return None

    def _load(self, moved: Sequence[Read], dead_writers: set[str]) -> list[Offset]:
        """Load what was read, without what cannot be; return the offsets that were stored."""
        for read in moved:
            for frame in read.unreadable:
                set_aside(self._folder, read.offset.segment, frame.raw)
        items = self._items(moved)
        whole = Batch(
            tallies=[tally for read in moved for tally in read.tallies],
            offsets=[read.offset for read in moved],
            starts={read.offset.segment: read.start for read in moved},
            dead_writers=dead_writers,
        )
        try:
            self._loader.load(_with(whole, items))
        except _SPOILT as error:
            _log.warning("some of %d records cannot be loaded, and are looked for: %s", len(items), error)
            changed = self._sift(items)
            if not changed:
                raise
            fit = [changed.get(id(item), item) for item in items]
            bad = [item for item, now in zip(items, fit, strict=True) if now is None]
            whole.offsets = [_less(offset, bad) for offset in whole.offsets]
            self._loader.load(_with(whole, [item for item in fit if item is not None]))
        return whole.offsets

    def _sift(self, items: Sequence[_Item]) -> dict[int, _Item | None]:
        """Find the items that the log cannot hold, by `id`: what to load instead, None for what is set aside.

        An attempt whose answer is what does not fit is kept without it, with the raw bytes.
        """
        changed: dict[int, _Item | None] = {}
        for item in unfit(items, lambda some: self._refusal(some) is None):
            bare, place, why = _without_answer(item), item.entry.segment, self._refusal([item])
            if bare is not None and self._refusal([bare]) is None:
                _log.warning("%s: an answer is kept as raw bytes: %s", place, why)
                changed[id(item)] = bare
            else:
                path = set_aside(self._folder, place, item.entry.frame.raw)
                _log.error("%s: a record is set aside as %s: %s", place, path, why)
                changed[id(item)] = None
        return changed

    def _refusal(self, items: Sequence[_Item]) -> Exception | None:
        try:
            self._loader.rehearse(_with(Batch(), items))
        except _SPOILT as error:
            return error
        return None

    def _dead_writers(self, moved: Sequence[Read]) -> set[str]:
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

    def _items(self, reads: Sequence[Read]) -> list[_Item]:
        entries = self._new([entry for read in reads for entry in read.entries])
        return [_Item(entry, self._row(entry.record)) for entry in entries]

    def _new(self, entries: list[Entry]) -> list[Entry]:
        """Leave out what an import has brought before."""
        ids = {id(entry): _id_of(entry.record) for entry in entries if of_import(entry.segment)}
        if not ids:
            return entries
        known = self._loader.known(ids.values())
        new: list[Entry] = []
        for entry in entries:
            own = ids.get(id(entry))
            if own is None or own not in known:
                new.append(entry)
            if own is not None:
                known.add(own)
        return new

    def _row(self, record: Record) -> Call | Kept | Feedback:
        return self._understand(record) if isinstance(record, Attempt) else record

    def _understand(self, attempt: Attempt) -> Kept:
        try:
            answer = self._read_answer(attempt.surface, attempt.content_type, attempt.status, attempt.body)
            cost = self._price(attempt.model, answer.usage) if attempt.body else None
            if cost is None and attempt.who is Who.STUDENT:
                cost = 0.0
            return kept(attempt, answer, cost)
        except Exception:  # noqa: BLE001  (logged with its trace)
            # What was handed in must not keep the record out of the log: the raw bytes are kept.
            _log.exception("the answer of attempt %s could not be read", attempt.attempt_id)
            return kept(attempt)

    def _clear(self) -> None:
        """Delete what is loaded for good."""
        lying = names(self._folder)
        for name in lying:
            offset = self._offsets.get(name)
            if offset is not None and offset.sealed:
                (self._folder / name).unlink(missing_ok=True)
        self._fold(set(lying))

    def _fold(self, lying: AbstractSet[str]) -> None:
        """Forget segments of old, but for their counts: a writer makes one every half a minute, for ever.

        Only once the disk has forgotten them, too: one that came back after a power cut would be loaded again.
        """
        gone: dict[str, list[Offset]] = {}
        for name, offset in self._offsets.items():
            if offset.sealed and name not in lying:
                gone.setdefault(instance_of(name), []).append(offset)
        if sum(len(offsets) - 1 for offsets in gone.values()) < _FOLDED_FROM:
            return
        sync(self._folder)
        self._loader.fold_offsets(gone.values())
        self._offsets = self._stored()


@contextmanager
def _uncollected() -> Iterator[None]:
    """Hold the collector back for a step: its thousands of records have no cycles, and each pass would walk them."""
    collecting = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if collecting:
            gc.enable()


def _with(whole: Batch, items: Sequence[_Item]) -> Batch:
    """Return the batch with the items' rows."""
    batch = replace(whole, calls=[], attempts=[], feedback=[])
    for item in items:
        match item.row:
            case Call() as call:
                batch.calls.append((call, instance_of(item.entry.segment)))
            case Kept() as attempt:
                batch.attempts.append(attempt)
            case Feedback() as feedback:
                batch.feedback.append(feedback)
    return batch


def _less(offset: Offset, bad: Sequence[_Item]) -> Offset:
    """Count what was set aside as damage."""
    lost = [item.entry.record for item in bad if item.entry.segment == offset.segment]
    return replace(offset.counting(lost, -1), corrupt=offset.corrupt + len(lost))


def _without_answer(item: _Item) -> _Item | None:
    return _Item(item.entry, kept(item.row.attempt)) if isinstance(item.row, Kept) else None


def _id_of(record: Record) -> str:
    match record:
        case Call():
            return record.call_id
        case Attempt():
            return record.attempt_id
        case Feedback():
            return record.feedback_id


def _lock(folder: Path) -> int:
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    handle = os.open(folder / ".lock", os.O_CREAT | os.O_RDWR | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(handle)
        raise LogLocked(f"Another process ingests the journal {folder}.") from None
    return handle
