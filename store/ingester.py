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
from collections.abc import Iterator, Sequence
from collections.abc import Set as AbstractSet
from concurrent.futures import Executor, Future, ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

from store.backlog import Backlog, Watch
from store.disk import sync
from store.errors import Conflict, LogLocked, LogRefused, StoreError
from store.isolate import unfit
from store.journal.frame import Record
from store.journal.rejected import set_aside
from store.journal.segment import instance_of, names, of_import, sweep
from store.log import Log
from store.log.load import Batch, Offset
from store.log.rows import Kept, kept
from store.preparing import Item, Prepared, Preparer, Price, ReadAnswer
from store.reading import Read
from store.vocabulary import Attempt, Call, Feedback

_log = logging.getLogger(__name__)

_CATCH_UP_S = 10.0
_FOLDED_FROM = 100  # segments whose rows are then folded into one for each writer
# What the data of a record can bring about. A disk, a lock or memory that fails is no record's fault.
_SPOILT = (LogRefused, ValueError, TypeError, ArithmeticError, LookupError, AttributeError, RecursionError)


@dataclass(frozen=True, kw_only=True, slots=True)
class _Stepped:
    """What one step came to."""

    done: int  # records that were dealt with
    following: Future[Prepared] | None  # the next, on its way


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
        self._preparer = Preparer(self._folder, read_answer, price)
        self._turn = threading.Lock()  # guards: one step at a time, and none after the folder is let go
        self._handle: int | None = _lock(self._folder)
        self._offsets = self._stored()
        self._watch = Watch(self._folder)
        self._first = True
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
        return self._step(None).done

    def catch_up(self, at_most_s: float = _CATCH_UP_S) -> int:
        """Step on while there is more than fits a step, for so long at most; return how many records were dealt with.

        Each step is prepared while the one before it is loaded. Whoever turns it rests between two turns: the shorter
        they are, the more of a backlog's time is rest. Raises as `step` does, so one that is under way ends when the
        ingester is closed.
        """
        over = time.monotonic() + at_most_s
        with ThreadPoolExecutor(max_workers=1) as ahead:
            stepped = self._step(None, ahead)
            done = stepped.done
            while stepped.following and time.monotonic() < over:
                stepped = self._step(stepped.following.result(), ahead)
                done += stepped.done
        return done

    def backlog(self) -> Backlog:
        """Say what is in the journal and not in the log yet. Does not wait for a step that is under way."""
        offsets = list(self._offsets.values())
        return self._watch.look({offset.segment: offset.position for offset in offsets})

    def _step(self, prepared: Prepared | None, ahead: Executor | None = None) -> _Stepped:
        """Load what was prepared, or what there is where that is stale; prepare the next meanwhile."""
        with self._turn:
            if self._handle is None:
                raise StoreError("The ingester was closed.")
            with _uncollected():
                if prepared is None or not prepared.follows(self._offsets):
                    prepared = self._preparer.prepare(dict(self._offsets))
                following = None
                if ahead is not None and prepared.more:
                    following = ahead.submit(self._preparer.prepare, prepared.after())
                self._take(prepared)
                done = sum(len(read.entries) + len(read.unreadable) for read in prepared.moved)
                return _Stepped(done=done, following=following)

    def _take(self, prepared: Prepared) -> None:
        moved = prepared.moved
        dead_writers = self._dead_writers(moved)
        if moved or dead_writers:
            try:
                offsets = self._load(moved, self._new(prepared.items), dead_writers)
            except Conflict:
                self._offsets = self._stored()
                raise
            self._offsets |= {offset.segment: offset for offset in offsets}
        self._first = False
        self._clear()

    def _stored(self) -> dict[str, Offset]:
        return {offset.segment: offset for offset in self._loader.offsets()}

    def _load(self, moved: Sequence[Read], items: Sequence[Item], dead_writers: set[str]) -> list[Offset]:
        """Load what was read, without what cannot be; return the offsets that were stored."""
        for read in moved:
            for frame in read.unreadable:
                set_aside(self._folder, read.offset.segment, frame.raw)
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

    def _sift(self, items: Sequence[Item]) -> dict[int, Item | None]:
        """Find the items that the log cannot hold, by `id`: what to load instead, None for what is set aside.

        An attempt whose answer is what does not fit is kept without it, with the raw bytes.
        """
        changed: dict[int, Item | None] = {}
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

    def _refusal(self, items: Sequence[Item]) -> Exception | None:
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

    def _new(self, items: Sequence[Item]) -> Sequence[Item]:
        """Leave out what an import has brought before."""
        ids = {id(item): _id_of(item.entry.record) for item in items if of_import(item.entry.segment)}
        if not ids:
            return items
        known = self._loader.known(ids.values())
        new: list[Item] = []
        for item in items:
            own = ids.get(id(item))
            if own is None or own not in known:
                new.append(item)
            if own is not None:
                known.add(own)
        return new

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


def _with(whole: Batch, items: Sequence[Item]) -> Batch:
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


def _less(offset: Offset, bad: Sequence[Item]) -> Offset:
    """Count what was set aside as damage."""
    lost = [item.entry.record for item in bad if item.entry.segment == offset.segment]
    return replace(offset.counting(lost, -1), corrupt=offset.corrupt + len(lost))


def _without_answer(item: Item) -> Item | None:
    return Item(item.entry, kept(item.row.attempt)) if isinstance(item.row, Kept) else None


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
