"""The log as one object. Knows its questions by name; the SQL lies in `store/sql`."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from store.log import removal
from store.log.backup import backup
from store.log.database import Database
from store.log.detail import detail
from store.log.export import export
from store.log.load import Loader
from store.log.paging import page
from store.log.picking import pick
from store.log.reader import Reader
from store.log.running import Running
from store.log.search import search
from store.log.sightings import Sightings
from store.log.views import (
    Account,
    Audited,
    CallDetail,
    CallFilter,
    CallPage,
    Erased,
    FingerprintSeen,
    Hit,
    Opened,
    Position,
    Removed,
    Retention,
    RoleCost,
    Said,
    Subject,
    Target,
    TaskCounts,
    TaskTraffic,
    Totals,
)
from store.trace import ChatOnly, Trace
from store.vocabulary import (
    Deferred,
    Drawn,
    Exchange,
    Exposure,
    Heard,
    Input,
    Reply,
    Score,
    ScoreSource,
    Tally,
)


class Log:
    """The log of calls. Thread-safe. While it is open for writing no other process can open it."""

    def __init__(self, database: Database, trace: Trace) -> None:
        self._database = database
        self.loader = Loader(database, trace)
        self._reader = Reader(database, trace)
        self._sightings = Sightings(database)
        self._running = Running(database)

    @classmethod
    def open(
        cls,
        path: str | os.PathLike[str],
        *,
        read_only: bool = False,
        memory_limit: str = "1GB",
        checkpoint: str = "128MB",
        trace: Trace | None = None,
    ) -> Log:
        """Open the log, making it or bringing its schema up to date where needed.

        `memory_limit` is DuckDB's for all its work; at `checkpoint` bytes the write-ahead log is folded into the
        file. `trace` says other surfaces in chat; without it only chat calls are parted and learnt from.

        Raises LogLocked when another process has it, NotFound for a missing file that is only to be
        read, SchemaTooNew for one of a later program.
        """
        database = Database(
            Path(path).absolute(), read_only=read_only, memory_limit=memory_limit, checkpoint=checkpoint
        )
        return cls(database, trace or ChatOnly())

    @property
    def edition(self) -> tuple[int, int]:
        """Return another value whenever calls or attempts came or went since this process opened the log."""
        return self.loader.loads, self._database.files

    def close(self) -> None:
        """Close the file."""
        self._database.close()

    def bytes_on_disk(self) -> int:
        """Return the size of the log in bytes."""
        return self._database.bytes_on_disk()

    # -- for the distiller

    def seen_fingerprints(self, after_seq: int = 0, limit: int | None = None) -> list[FingerprintSeen]:
        """Return the first `limit` (all for None) fingerprints with a call after `after_seq`, with totals over the whole log."""
        return self._sightings.after(after_seq, limit)

    def openings(self, fingerprints: Iterable[str], *, after_seq: int, each: int) -> list[Opened]:
        """Return the latest `each` calls of every fingerprint after `after_seq` that chat can say, in log order."""
        rows = self._database.read(
            "learning.openings", fingerprints=list(fingerprints), after_seq=after_seq, each=each
        )
        return self._reader.openings(rows)

    def counts(
        self,
        fingerprints: Iterable[str],
        *,
        score_names: Iterable[str] = (),
        sources: Iterable[ScoreSource] = ScoreSource,
    ) -> TaskCounts:
        """Count what there is to learn from, with the scores of these names (any, for none).

        Of an answer's scores the one counts whose source comes first in `sources`; others do not.
        """
        rows = self._database.read(
            "learning.counts",
            fingerprints=list(fingerprints),
            score_names=list(score_names),
            sources=[str(source) for source in sources],
        )
        return TaskCounts(**rows[0])

    def exchanges(
        self,
        fingerprints: Iterable[str],
        *,
        score_name: str | None = None,
        limit: int,
        before_ts: float | None = None,
        after_ts: float | None = None,
        newest_first: bool = True,
    ) -> list[Exchange]:
        """Return the teacher's served answers to apps' calls that mean chat, whatever their outcome."""
        picked = pick(
            self._database,
            limit=limit,
            newest_first=newest_first,
            fingerprints=list(fingerprints),
            before_ts=before_ts,
            after_ts=after_ts,
        )
        return self._reader.exchanges(picked, score_name)

    def unscored(
        self,
        fingerprints: Iterable[str],
        score_name: str,
        version: str,
        limit: int,
        *,
        after_seq: int = 0,
        drawn: bool | None = None,
        referenced: bool = False,
        but: Sequence[str] = (),
    ) -> list[Exchange]:
        """Return complete attempts, the student's too, without that score; drawn pairs first.

        `drawn`: only calls that drew a pair, or only those that did not. `referenced`: only calls with
        a complete answer of the teacher. `but`: attempts that are not asked for.
        """
        picked = self._database.read(
            "learning.pick_unscored",
            fingerprints=list(fingerprints),
            score_name=score_name,
            version=version,
            limit=limit,
            after_seq=after_seq,
            drawn=drawn,
            referenced=referenced,
            wanted=list(but),
        )
        return self._reader.exchanges(picked, score_name)

    def said(self, after: int, limit: int, waiting: Sequence[int] = ()) -> list[Said]:
        """Return feedback loaded after a place in its order, oldest first, and that of the places in `waiting`."""
        rows = self._database.read("learning.said", after=after, limit=limit, waiting=list(waiting))
        return [Said(**row) for row in rows]

    def corrected(self, times: Mapping[str, float], score_name: str, version: str) -> list[Exchange]:
        """Return the complete attempts of calls, by id with the time of the correction, without such a score since."""
        picked = self._database.read(
            "learning.pick_corrected",
            call_ids=list(times),
            times=list(times.values()),
            score_name=score_name,
            version=version,
        )
        return self._reader.exchanges(picked, score_name)

    def signals(self, fingerprints: Iterable[str]) -> dict[str, int]:
        """Return how often each signal was sent about these calls, the most frequent first."""
        rows = self._database.read("learning.signals", fingerprints=list(fingerprints))
        return {row["signal"]: row["calls"] for row in rows}

    def audited(self, fingerprints: Iterable[str]) -> list[Audited]:
        """Return the judged answers that were drawn for a person, labelled or not, in the order of their calls."""
        rows = self._database.read("learning.audited", fingerprints=list(fingerprints))
        return [Audited(**row) for row in rows]

    def position(self, fingerprints: Iterable[str]) -> Position:
        """Return what standing first was worth to the judge of these calls."""
        return Position(**self._database.read("learning.position", fingerprints=list(fingerprints))[0])

    def answers(self, attempt_ids: Sequence[str]) -> list[Exchange]:
        """Return the exchanges of these attempts, in log order."""
        picked = self._database.read("learning.pick_answers", wanted=list(attempt_ids))
        return self._reader.exchanges(picked, None)

    def answers_of(self, target: str) -> list[Target]:
        """Return the complete answers that an id means: that of an answer, or of its call."""
        return [Target(**row) for row in self._database.read("learning.answers_of", target=target)]

    def add_scores(self, scores: Sequence[Score]) -> None:
        """Append scores; the latest of a name counts."""
        self.loader.add_scores(scores)

    # -- for the router

    def drawn(self, rollout_id: str, after_seq: int, score_name: str, limit: int) -> list[Drawn]:
        """Return a rollout's calls that drew a pair, in log order, as far as they are known now."""
        rows = self._database.read(
            "cutover.drawn", rollout_id=rollout_id, after_seq=after_seq, score_name=score_name, limit=limit
        )
        return [Drawn(**{**row, "slices": tuple(row["slices"])}) for row in rows]

    def inputs(
        self, fingerprints: Iterable[str], *, after_seq: int, limit: int, before_ts: float | None = None
    ) -> list[Input]:
        """Return what the newest calls after `after_seq` were asked with, in log order, whoever answered them."""
        rows = self._database.read(
            "cutover.inputs",
            fingerprints=list(fingerprints),
            after_seq=after_seq,
            before_ts=before_ts,
            limit=limit,
        )
        return self._reader.inputs(rows)

    def replies(
        self, fingerprints: Iterable[str], *, after_seq: int, limit: int, before_ts: float | None = None
    ) -> list[Reply]:
        """Return what answered the newest `limit` calls after `after_seq`, in log order: every attempt that ended."""
        rows = self._database.read(
            "cutover.replies",
            fingerprints=list(fingerprints),
            after_seq=after_seq,
            before_ts=before_ts,
            limit=limit,
        )
        return self._reader.replies(rows)

    def student_outcomes(self, student_id: str, limit: int = 20, after_ts: float = 0.0) -> list[str]:
        """Return the outcomes of the student's serve attempts that ended after a time, newest first."""
        rows = self._database.read(
            "cutover.student_outcomes", student_id=student_id, limit=limit, after_ts=after_ts
        )
        return [row["outcome"] for row in rows]

    def exposure(self, rollout_id: str, step: str, after_seq: int) -> Exposure:
        """Return the calls that were given to the student of a rollout at a step, after a sequence number."""
        return Exposure(
            **self._database.read("cutover.exposure", rollout_id=rollout_id, step=step, after_seq=after_seq)[
                0
            ]
        )

    def deferred(self, rollout_id: str, after_seq: int) -> Deferred:
        """Return what the calls that a rollout's student gave up took and cost, after a sequence number."""
        rows = self._database.read("cutover.deferred", rollout_id=rollout_id, after_seq=after_seq)
        return Deferred(**rows[0])

    def latest(self, fingerprints: Iterable[str]) -> float:
        """Return when the latest call of these kinds came (Unix seconds), 0 for none."""
        return float(self._database.read("cutover.latest", fingerprints=list(fingerprints))[0]["ts"])

    def users(self, fingerprints: Iterable[str]) -> int:
        """Return how many users apps have named in calls of these kinds."""
        return int(self._database.read("cutover.users", fingerprints=list(fingerprints))[0]["users"])

    def spend(self, since_ts: float, roles: Iterable[str], unknown_usd: float = 0.0) -> float:
        """Return what attempts in these roles cost since a time, in US dollars.

        One whose price is not known counts `unknown_usd`, unless it ended in an error: nobody charges for that.
        """
        rows = self._database.read(
            "cutover.spend", since_ts=since_ts, roles=[str(role) for role in roles], unknown_usd=unknown_usd
        )
        return float(next(iter(rows[0].values())))

    def assignments(self, rollout_id: str, after_seq: int, *, by_user: bool = False) -> list[dict[str, Any]]:
        """Return how many units fell to student and teacher by the draw since a sequence number, by step and share.

        `by_user`: users are units, where a call names one.
        """
        return self._database.read(
            "cutover.assignments", rollout_id=rollout_id, after_seq=after_seq, by_user=by_user
        )

    def newest_seq(self) -> int:
        """Return the greatest sequence number so far, 0 without a call."""
        return int(self._database.read("cutover.newest_seq")[0]["seq"])

    def heard(self, rollout_id: str, after: int, until: int, since: int, window_s: float) -> list[Heard]:
        """Return a rollout's calls that the draw decided, after one sequence number and up to another, in log order.

        Calls of conversations that began after `since` and before `after` are left out. What was said of an
        answer counts for `window_s` seconds.
        """
        rows = self._database.read(
            "cutover.heard",
            rollout_id=rollout_id,
            after_seq=after,
            until_seq=until,
            since_seq=since,
            window_s=window_s,
        )
        return [Heard(**row) for row in rows]

    def speaks(self, fingerprints: Iterable[str]) -> bool:
        """Tell whether users have ever said what an answer to calls with these fingerprints was worth."""
        return bool(self._database.read("cutover.speaks", fingerprints=list(fingerprints))[0]["said"])

    def teacher_ms(self, fingerprints: Iterable[str], least: int = 200, limit: int = 2000) -> float | None:
        """Return within how many milliseconds 95% of the teacher's latest answers came; None of fewer than `least`."""
        rows = self._database.read("cutover.teacher_ms", fingerprints=list(fingerprints), limit=limit)
        return float(rows[0]["ms"]) if rows[0]["n"] >= least else None

    # -- for the faces

    def calls(self, wanted: CallFilter) -> CallPage:
        """Return a page of the calls that a filter lets through, newest first."""
        return page(self._database, wanted)

    def call(self, call_id: str) -> CallDetail | None:
        """Return everything about one call."""
        return detail(self._database, call_id)

    def completed(self, completion_id: str) -> list[str]:
        """Return the ids of the calls whose served answer has this id, in log order."""
        return [row["call_id"] for row in self._database.read("faces.completed", completion_id=completion_id)]

    def score_names(self) -> list[str]:
        """Return the names of all scores, in order."""
        return [row["name"] for row in self._database.read("faces.score_names")]

    def totals(self) -> Totals:
        """Return the log in figures."""
        return self._running.totals()

    def by_task(self, since_ts: float) -> list[TaskTraffic]:
        """Return the traffic of apps by fingerprint since a time, busiest first."""
        return [TaskTraffic(**row) for row in self._database.read("faces.by_task", since_ts=since_ts)]

    def costs(self, fingerprints: Iterable[str], recent_ts: float) -> list[RoleCost]:
        """Return what attempts on these apps' calls cost, by role and kind of model."""
        wanted = list(fingerprints)
        rows = self._database.read("faces.costs", fingerprints=wanted, recent_ts=recent_ts)
        return [RoleCost(**row) for row in rows]

    def internal_costs(self, since_ts: float = 0.0) -> dict[str, float]:
        """Return what the house's own calls since a time cost, in US dollars, by what they were made for: `judge`, or a job's id."""
        rows = self._database.read("faces.internal_costs", since_ts=since_ts)
        return {row["name"]: row["usd"] for row in rows}

    def export(
        self,
        path: str | os.PathLike[str],
        fingerprints: Iterable[str] = (),
        tasks: Mapping[str, str] | None = None,
    ) -> int:
        """Write apps' calls with their served answers as JSON lines (all for none); return how many.

        `tasks` gives the task of a fingerprint: without one, a call has that of its route.
        """
        return export(self._database, Path(path), list(fingerprints), tasks or {})

    # -- for the owner

    def accounts(self) -> list[Account]:
        """Return what each writer says that it kept beside what was loaded of it."""
        return [_account(row) for row in self._database.read("ingest.accounts")]

    def subject(self, subject: Subject) -> list[str]:
        """Return the ids of a subject's calls, in log order."""
        rows = self._database.read(
            "faces.subject", kind=subject.kind, value=subject.value, tenant=subject.tenant
        )
        return [row["call_id"] for row in rows]

    def about(self, calls: Iterable[str]) -> list[str]:
        """Return the ids of internal calls that have words of these calls in them, in log order."""
        return [row["call_id"] for row in self._database.read("faces.about", calls=list(calls))]

    def named(self, kind: str) -> list[str]:
        """Return every "user", every "conversation" or every "call" that the log names."""
        return [row["name"] for row in self._database.read("faces.named", kind=kind)]

    def search(self, texts: Sequence[str], *, whole: bool = False, tenant: str | None = None) -> list[Hit]:
        """Return where any of the texts stands, in every text, bytes and id of every file; reads all of it.

        `whole`: in texts only where it is no part of a longer word (`store.words`). `tenant`: rows that are
        another one's are counted apart.
        """
        return search(self._database, texts, whole=whole, tenant=tenant)

    def erase(self, call_ids: Iterable[str]) -> Erased:
        """Take calls away with all that is theirs; their bytes are gone from the disk's files."""
        erased = removal.erase(self._database, list(call_ids))
        self._forget()
        return erased

    def seal(self, now: float) -> list[str]:
        """Move the oldest month that ended a week before `now` into a file of its own; return the file's part."""
        sealed = removal.seal(self._database, now)
        self.loader.forget()
        return sealed

    def apply_retention(self, retention: Retention) -> Removed:
        """Take away the calls that are older than the retention allows, with all that belongs to them."""
        removed = removal.retain(self._database, retention)
        self._forget()
        return removed

    def backup(self, folder: str | os.PathLike[str]) -> list[Path]:
        """Copy the log into a folder as it is at one moment; loading waits, readers do not."""
        return backup(self._database, Path(folder))

    def _forget(self) -> None:
        self.loader.forget()
        self._sightings.forget()


def _account(row: dict[str, Any]) -> Account:
    fields = {name: row[name] for name in Tally.__struct_fields__}
    tally = Tally(**fields) if row["tally_id"] else None
    rest = {name: row[name] for name in Account.__dataclass_fields__ if name != "tally"}
    return Account(tally=tally, **rest)
