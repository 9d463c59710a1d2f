"""Reads the journal on from what is loaded, and makes of its records what the log is to hold. Knows no log.

It changes nothing, so it can run ahead: while one step is being loaded, the next is prepared, and dropped
should something come between them.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

import msgspec

from store import reading
from store.errors import SchemaTooNew
from store.journal.frame import Record
from store.journal.segment import instance_of, names
from store.log.load import Offset
from store.log.rows import Kept, kept
from store.reading import Entry, Read
from store.vocabulary import Answer, Attempt, Call, Feedback, Usage, Who

_log = logging.getLogger(__name__)

_STEP_BYTES = 16 << 20  # bytes of all segments after which a step ends

ReadAnswer = Callable[[str, str, int, bytes], Answer]
Price = Callable[[str, Usage], float | None]


class Item(msgspec.Struct, frozen=True, gc=False):
    """What is loaded of one record."""

    entry: Entry
    row: Call | Kept | Feedback


@dataclass(frozen=True, kw_only=True, slots=True)
class Prepared:
    """What a step is to load."""

    since: Mapping[str, Offset]  # how far each segment is loaded before it
    moved: tuple[Read, ...]  # the segments in which something was found
    items: tuple[Item, ...]
    more: bool  # it ended by its size

    def after(self) -> dict[str, Offset]:
        """Return how far each segment is loaded once this is, too."""
        return {**self.since, **{read.offset.segment: read.offset for read in self.moved}}

    def follows(self, offsets: Mapping[str, Offset]) -> bool:
        """Tell whether its segments are loaded as far as it took them to be, with the same counts."""
        segments = [read.offset.segment for read in self.moved]
        return all(self.since.get(segment) == offsets.get(segment) for segment in segments)


class Preparer:
    """Prepares the steps of one journal folder. Thread-safe."""

    def __init__(self, folder: Path, read_answer: ReadAnswer, price: Price) -> None:
        self._folder = folder
        self._read_answer = read_answer
        self._price = price
        self._unreadable: set[str] = set()
        self._steps = 0
        self._turn = threading.Lock()  # guards: the two above

    def prepare(self, offsets: Mapping[str, Offset]) -> Prepared:
        """Read on from these offsets, which stay as they are, up to some megabytes."""
        with self._turn:
            reads, more = self._read_segments(offsets)
        moved = tuple(read for read in reads if read.offset != offsets.get(read.offset.segment))
        items = tuple(Item(entry, self._row(entry.record)) for read in moved for entry in read.entries)
        return Prepared(since=offsets, moved=moved, items=items, more=more)

    def _read_segments(self, offsets: Mapping[str, Offset]) -> tuple[list[Read], bool]:
        """Read each writer's segments in their order, another writer first each time."""
        reads: list[Read] = []
        left = _STEP_BYTES
        for segments in self._in_turn():
            for name in segments:
                read = self._read(offsets.get(name) or Offset(segment=name, position=0))
                if read is None:
                    continue
                reads.append(read)
                left -= read.taken
                if not read.whole or left <= 0:
                    break
            if left <= 0:
                break
        return reads, left <= 0

    def _in_turn(self) -> list[list[str]]:
        segments: dict[str, list[str]] = {}
        for name in names(self._folder):
            segments.setdefault(instance_of(name), []).append(name)
        writers = list(segments.values())
        self._steps += 1
        first = self._steps % max(1, len(writers))
        return writers[first:] + writers[:first]

    def _read(self, known: Offset) -> Read | None:
        if known.sealed or known.segment in self._unreadable:
            return None
        try:
            return reading.read(self._folder, known)
        except SchemaTooNew as error:
            _log.warning("%s It stays where it is.", error)
            self._unreadable.add(known.segment)
            return None

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
