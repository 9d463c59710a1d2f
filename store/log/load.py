"""Writes batches into the log. Knows no journal file: the ingester hands over what it read."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from functools import reduce
from typing import Any

import pyarrow as pa

from store.errors import Conflict
from store.ids import new_id
from store.log import tables
from store.log.database import Database, Writing
from store.log.rows import Kept, attempts_table, calls_table, kept
from store.trace import Trace
from store.vocabulary import Attempt, Call, Feedback, Outcome, Role, Score, Tally, Who

_KINDS = {Call: "calls", Attempt: "attempts", Feedback: "feedback", Tally: "tallies"}
_REMEMBERED = 100_000  # prompts that are known to be in the hot file


@dataclass(frozen=True, kw_only=True, slots=True)
class Offset:
    """How far a segment is loaded; the counts are of the whole segment."""

    segment: str
    position: int  # bytes
    calls: int = 0
    attempts: int = 0
    feedback: int = 0
    tallies: int = 0
    corrupt: int = 0
    sealed: bool = False  # loaded to its end, and nothing will be appended

    def counting(self, records: Iterable[object], each: int = 1) -> Offset:
        """Return it with each of these records counted by its kind, or with -1 taken back."""
        kinds = Counter(type(record) for record in records)
        counts = {name: getattr(self, name) + each * kinds[kind] for kind, name in _KINDS.items()}
        return replace(self, **counts)

    def with_counts_of(self, other: Offset) -> Offset:
        """Return it with another segment's counts added."""
        names = (*_KINDS.values(), "corrupt")
        return replace(self, **{name: getattr(self, name) + getattr(other, name) for name in names})


@dataclass(slots=True)
class Batch:
    """What one step of the ingester adds, all or nothing."""

    calls: list[tuple[Call, str]] = field(default_factory=list)  # with the writer instance
    attempts: list[Kept] = field(default_factory=list)
    feedback: list[Feedback] = field(default_factory=list)
    tallies: list[Tally] = field(default_factory=list)  # in the journal's order: the last of a writer counts
    offsets: list[Offset] = field(default_factory=list)
    starts: dict[str, int] = field(default_factory=dict)  # where in each segment it starts, bytes
    dead_writers: set[str] = field(default_factory=set)  # whose open calls are lost


@dataclass(frozen=True, kw_only=True, slots=True)
class _Loaded:
    """What the next batch starts from."""

    next_seq: int
    next_feedback: int
    prompts: set[str]  # hashes of this batch's, which are in the hot file now


_BESIDE = {Role.SHADOW: Who.STUDENT, Role.REVERSE_SHADOW: Who.TEACHER}


class _Undone(Exception):  # noqa: N818
    """Ends a rehearsal: its transaction is rolled back."""


class Loader:
    """The write side of the log. One per open log: it hands out the sequence numbers."""

    def __init__(self, database: Database, trace: Trace) -> None:
        self._database = database
        self._trace = trace
        self._next_seq = 0  # 0: not asked yet
        self._next_feedback = 0  # the same; feedback is numbered too
        self._prompts: set[str] = set()  # hashes of prompts that are in the hot file
        self.loads = 0  # batches that brought calls or attempts

    def forget(self) -> None:
        """Forget what the hot file holds: another was put in its place."""
        self._prompts.clear()

    def offsets(self) -> list[Offset]:
        """Return how far each segment is loaded."""
        return [Offset(**row) for row in self._database.read("ingest.offsets")]

    def fold_offsets(self, groups: Iterable[Sequence[Offset]]) -> None:
        """Put the counts of each group's segments into the row of its last; none of them is read again."""
        gone = [list(group) for group in groups]
        every = [offset for group in gone for offset in group]
        folded = [reduce(lambda sum_, offset: offset.with_counts_of(sum_), group) for group in gone]
        with self._database.writing() as writing:
            writing.load("ingest.forget_offsets", _offsets_table(every))
            _save_offsets(writing, folded)

    def known(self, ids: Iterable[str]) -> set[str]:
        """Return which of these are ids of calls, attempts or feedback that the log has."""
        return {str(row["id"]) for row in self._database.read("ingest.known", wanted=list(ids))}

    def open_writers(self) -> set[str]:
        """Return the writer instances that have calls without a served attempt."""
        return {row["writer"] for row in self._database.read("ingest.open_writers")}

    def load(self, batch: Batch) -> None:
        """Write a batch in one transaction.

        Raises Conflict where a segment is no longer loaded up to where the batch starts, LogRefused for
        a value that fits no column; then nothing of it is kept.
        """
        with self._database.turn:
            with self._database.writing() as writing:
                _check_starts(writing, batch.starts)
                loaded = self._load_records(writing, batch)
                if batch.dead_writers:
                    _close_lost(writing, batch.dead_writers)
                _save_offsets(writing, batch.offsets)
            self._next_seq, self._next_feedback = loaded.next_seq, loaded.next_feedback
            if batch.calls or batch.attempts or batch.dead_writers:
                self.loads += 1
            self._prompts |= loaded.prompts
            if len(self._prompts) > _REMEMBERED:
                self._prompts = loaded.prompts

    def rehearse(self, batch: Batch) -> None:
        """Raise what loading the batch's records would raise; keep nothing."""
        with suppress(_Undone), self._database.writing() as writing:
            self._load_records(writing, batch)
            raise _Undone

    def add_scores(self, scores: Sequence[Score]) -> None:
        """Append scores."""
        with self._database.writing() as writing:
            writing.load("ingest.insert_scores", tables.table(scores, tables.SCORES))

    def _load_records(self, writing: Writing, batch: Batch) -> _Loaded:
        next_seq, prompts = self._load_calls(writing, batch.calls)
        writing.load("ingest.insert_attempts", attempts_table(batch.attempts))
        next_feedback = self._load_feedback(writing, batch.feedback)
        latest = {tally.writer: tally for tally in batch.tallies}
        tallies = tables.table(list(latest.values()), tables.TALLIES)
        writing.load("ingest.forget_tallies", tallies)
        writing.load("ingest.insert_tallies", tallies)
        return _Loaded(next_seq=next_seq, next_feedback=next_feedback, prompts=prompts)

    def _load_feedback(self, writing: Writing, feedback: Sequence[Feedback]) -> int:
        first = self._next_feedback or int(writing.run("ingest.next_feedback")[0]["next_seq"])
        numbers = range(first, first + len(feedback))
        writing.load("ingest.insert_feedback", tables.table(feedback, tables.FEEDBACK, seq=numbers))
        return first + len(feedback)

    def _load_calls(self, writing: Writing, calls: Sequence[tuple[Call, str]]) -> tuple[int, set[str]]:
        first = self._next_seq or int(writing.run("ingest.next_seq")[0]["next_seq"])
        rows, prompts = calls_table(calls, first, self._trace)
        new = [part for name, part in prompts.items() if name not in self._prompts]
        writing.load("ingest.insert_prompts", tables.table(new, tables.PROMPTS))
        writing.load("ingest.insert_calls", rows)
        return first + len(calls), set(prompts)


def _close_lost(writing: Writing, writers: set[str]) -> None:
    """Give every call, and every pair, that these writers left open the one outcome that is left for it.

    A pair that nobody will complete would keep those behind it waiting until its time is over.
    """
    now, names = time.time(), sorted(writers)
    calls = [
        _lost(call, now, role=Role.SERVE, who=Who(call["chosen"]))
        for call in writing.run("ingest.open_calls", writers=names)
    ]
    pairs = [
        _lost(call, now, role=Role(call["pairing"]), who=_BESIDE[Role(call["pairing"])])
        for call in writing.run("ingest.open_pairs", writers=names)
    ]
    writing.load("ingest.insert_attempts", attempts_table([kept(attempt) for attempt in (*calls, *pairs)]))


def _lost(call: dict[str, Any], now: float, *, role: Role, who: Who) -> Attempt:
    return Attempt(
        attempt_id=new_id(),
        call_id=call["call_id"],
        ts=now,
        role=role,
        who=who,
        served=role is Role.SERVE,
        model=call["model"],
        upstream="",
        surface="chat" if role is Role.SHADOW else call["surface"],
        student_id=call["student_id"] if who is Who.STUDENT else None,
        outcome=Outcome.LOST,
        started=call["ts"],
        error="The gateway worker ended before the answer did.",
    )


def _check_starts(writing: Writing, starts: Mapping[str, int]) -> None:
    """Hold the batch against what is loaded: a segment read twice must not be counted twice."""
    if not starts:
        return
    rows = writing.run("ingest.positions", segments=sorted(starts))
    loaded = {row["segment"]: row["position"] for row in rows}
    for segment, start in starts.items():
        if loaded.get(segment, 0) != start:
            raise Conflict(f"{segment} was loaded by someone else in the meantime.")


def _save_offsets(writing: Writing, offsets: Sequence[Offset]) -> None:
    batch = _offsets_table(offsets)
    writing.load("ingest.forget_offsets", batch)
    writing.load("ingest.insert_ingest_log", batch)


def _offsets_table(offsets: Sequence[Offset]) -> pa.Table:
    return tables.table(offsets, tables.INGEST_LOG, ts=[time.time()] * len(offsets))
