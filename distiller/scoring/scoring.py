"""Scores what the log has not scored yet. Knows no metric's inside: the scorer process judges."""

from __future__ import annotations

import asyncio
import logging
import time
from collections import Counter, deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from distiller.scoring import message as read
from distiller.scoring.late import Late, Owner
from distiller.scoring.pairs import audited, rivals, sampled, together
from distiller.scoring.rank import compared
from distiller.scoring.spec import Item, MetricSpec, Scored, Scorer, ScorerUnavailable
from distiller.settings import DistillerSettings
from store.vocabulary import Exchange, Score, Who

if TYPE_CHECKING:
    from distiller.scoring.shapes import Shapes
    from store.control import Control
    from store.log import Log

_log = logging.getLogger(__name__)

_CORRECTED = "+correction"  # suffix of a metric's version, where it compares with a correction
_LATE_S = 1800.0  # an attempt that is this late for its score gets none
_TRIES = 3  # of one attempt that cannot be scored
_CORRECTIONS = 200  # corrected calls in one step


@dataclass
class _Place:
    """How far one task is scored. Kept in memory: after a restart the log is looked through once."""

    marks: deque[tuple[float, int]] = field(default_factory=deque)  # (when, newest seq seen by then)
    settled: int = 0  # sequence up to which nothing more will come
    rested: float = 0.0  # monotonic time before which the log is left alone
    sampled: int = 0  # sequence up to which calls outside pairs were offered to a judge
    failures: Counter[tuple[str, str]] = field(default_factory=Counter)  # tries, by version and attempt id
    hopeless: dict[tuple[str, str], int] = field(default_factory=dict)  # seq, by the same
    corrected: dict[str, float] = field(
        default_factory=dict
    )  # calls to score again -> when they were corrected
    quiet: object = None  # the log, as it had nothing left to score; None: it may have
    moved: frozenset[str] = frozenset()  # versions that came from another task, as they were called there

    def follow(self, moved: frozenset[str]) -> None:
        """Begin anew where versions came from another task: older calls than were settled came with them."""
        if moved != self.moved:
            self.moved, self.settled, self.sampled = moved, 0, 0
            self.marks.clear()

    def mark(self, now: float, newest: int) -> None:
        """Note what was seen; what was seen _LATE_S ago is settled."""
        self.marks.append((now, newest))
        while self.marks and self.marks[0][0] <= now - _LATE_S:
            self.settled = max(self.settled, self.marks.popleft()[1])
            self.hopeless = {key: seq for key, seq in self.hopeless.items() if seq > self.settled}

    def fail(self, version: str, exchange: Exchange) -> None:
        """Note that an attempt got no score."""
        key = (version, exchange.attempt_id)
        self.failures[key] += 1
        if self.failures[key] == _TRIES:
            del self.failures[key]
            self.hopeless[key] = exchange.seq

    def passed_over(self, version: str) -> list[str]:
        """Return the attempts that get no score of this version, however often they are looked at."""
        return [attempt_id for known, attempt_id in self.hopeless if known == version]


class Scoring:
    """The scoring loop of the control process."""

    def __init__(
        self,
        *,
        log: Log,
        control: Control,
        scorer: Scorer,
        shapes: Shapes,
        settings: DistillerSettings | None = None,
        rest: float = 9.0,
        now: Callable[[], float] = time.time,
    ) -> None:
        self._log = log
        self._control = control
        self._scorer = scorer
        self._shapes = shapes
        self._limit = (settings or DistillerSettings()).score_limit
        self._rest = rest  # seconds of rest for each second at work, once a task has no backlog
        self._now = now
        self._late = Late(log, self._owner, now)
        self._places: dict[str, _Place] = {}
        self._scorers: dict[str, tuple[str, str]] = {}
        self._unavailable = ""  # the last sentence logged, so that an outage is logged once

    def score_name(self, task_id: str) -> str:
        """Return the name under which a task's scores stand."""
        return self._shapes.metric(task_id).name

    def scored_by(self, task_id: str) -> tuple[str, str] | None:
        """Return name and version of what scores a task since this process began; None before its first look."""
        return self._scorers.get(task_id)

    async def step(self) -> int:
        """Score what came in, at most `score_limit` attempts a task; return how many scores were written."""
        written = await self._hear()
        for task in await asyncio.to_thread(self._control.tasks):
            if task.left_alone:
                continue
            place = self._places.setdefault(task.task_id, _Place())
            began = time.monotonic()
            if began < place.rested:
                continue
            try:
                count = await self._task(task.task_id, place)
                self._unavailable = ""
                written += count
                if count < self._limit:
                    place.rested = time.monotonic() + self._rest * (time.monotonic() - began)
            except ScorerUnavailable as error:
                self._complain(f"task {task.task_id} is not scored: {error}")
        return written

    async def _task(self, task_id: str, place: _Place) -> int:
        versions = self._control.versions(task_id)
        fingerprints = [f for v in versions for f in v.fingerprints]
        if not fingerprints:
            return 0
        place.follow(frozenset(v.moved_from for v in versions if v.moved_from))
        spec = await asyncio.to_thread(self._shapes.metric, task_id)
        version = await self._scorer.version(spec)
        self._scorers[task_id] = (spec.name, version)  # before the first score of it is written
        looked = self._log.edition, fingerprints, spec.name, version
        found: list[Exchange] = []
        if place.quiet != looked:
            found = await asyncio.to_thread(self._find, fingerprints, spec, version, place)
            waits = found or spec.judge is not None  # a judge's pairs may wait for one another
            place.quiet = None if waits else looked
        scores = await self._score(spec, version, found, place)
        every = [*scores, *await self._corrections(spec, version, place)]
        if every:
            await asyncio.to_thread(self._log.add_scores, every)
        return len(every)

    async def _hear(self) -> int:
        """Make scores of what users said since the last look, and note what they corrected."""
        heard = await asyncio.to_thread(self._late.look, self._limit)
        if heard.scores:
            await asyncio.to_thread(self._log.add_scores, heard.scores)
        for task_id, calls in heard.corrected.items():
            self._places.setdefault(task_id, _Place()).corrected |= calls
        self._late.keep(heard)
        return len(heard.scores)

    def _owner(self, fingerprint: str) -> Owner | None:
        version = self._control.version_of(fingerprint)
        if version is None:
            return None
        return Owner(task_id=version.task_id, worth=self._shapes.policy(version.task_id).signals)

    def _find(
        self, fingerprints: Sequence[str], spec: MetricSpec, version: str, place: _Place
    ) -> list[Exchange]:
        """Return what to score now: all for a metric; pairs and a sample of the rest for a judge."""
        judged = spec.judge is not None
        found = self._log.unscored(
            fingerprints,
            spec.name,
            version,
            self._limit,
            after_seq=place.settled,
            drawn=True if judged else None,
            referenced=spec.agreement,
            but=place.passed_over(version),
        )
        if len(found) < self._limit:
            place.mark(self._now(), max((e.seq for e in found), default=place.settled))
        if not judged:
            return found
        return [*together(found, self._now()), *self._sample(fingerprints, spec, version, place)]

    def _sample(
        self, fingerprints: Sequence[str], spec: MetricSpec, version: str, place: _Place
    ) -> list[Exchange]:
        share = spec.judge.sample if spec.judge else 0.0
        rest = self._log.unscored(
            fingerprints, spec.name, version, self._limit, after_seq=place.sampled, drawn=False
        )
        place.sampled = max([place.sampled, *(e.seq for e in rest)])
        return [e for e in rest if sampled(e.call_id, share)]

    async def _corrections(self, spec: MetricSpec, version: str, place: _Place) -> list[Score]:
        """Score answers against corrections that came later than their first scores.

        A call is done when each of its answers has such a score or is given up.
        """
        version += _CORRECTED
        calls = dict(list(place.corrected.items())[:_CORRECTIONS])
        if not calls:
            return []
        found = await asyncio.to_thread(self._log.corrected, calls, spec.name, version)
        found = [e for e in found if (version, e.attempt_id) not in place.hopeless]
        scores = await self._score(spec, version, found, place)
        done = {score.attempt_id for score in scores}
        left = {e.call_id for e in found if e.attempt_id not in done}
        place.corrected = {
            call: ts for call, ts in place.corrected.items() if call in left or call not in calls
        }
        return scores

    async def _score(
        self, spec: MetricSpec, version: str, found: Sequence[Exchange], place: _Place
    ) -> list[Score]:
        """Score attempts; the teacher's own agreement with itself needs no scorer."""
        own = [e for e in found if _by_itself(e, spec)]
        others = rivals(found) if spec.judge is not None else {}
        rest = [(e, _item(e, spec, others.get(e.attempt_id))) for e in found if not _by_itself(e, spec)]
        asked = [(e, item) for e, item in rest if item is not None]
        place.hopeless |= {(version, e.attempt_id): e.seq for e, item in rest if item is None}
        results = await self._scorer.score(spec, [item for _, item in asked]) if asked else []
        agreed = Scored(value=1.0, reason="the teacher is the reference")
        both = [(e, agreed) for e in own]
        both += [(e, result) for (e, _), result in zip(asked, results, strict=True)]
        return [score for e, result in both if (score := self._one(spec, version, e, result, place))]

    def _one(
        self, spec: MetricSpec, version: str, exchange: Exchange, result: Scored, place: _Place
    ) -> Score | None:
        if result.value is None:
            place.fail(version, exchange)
            self._complain(f"an answer stays unscored by {spec.name}: {result.reason}")
            return None
        return Score(
            attempt_id=exchange.attempt_id,
            call_id=exchange.call_id,
            name=spec.name,
            version=version,
            value=result.value,
            source=compared(spec.source, corrected=exchange.correction is not None),
            ts=self._now(),
            reason=result.reason,
            position=result.position,
            propensity=spec.judge.gold if spec.judge else None,
            drawn=audited(exchange.call_id, spec.judge.gold) if spec.judge else None,
        )

    def _complain(self, sentence: str) -> None:
        if sentence != self._unavailable:
            _log.warning("%s", sentence)
            self._unavailable = sentence


def _item(exchange: Exchange, spec: MetricSpec, rival: dict[str, Any] | None) -> Item | None:
    """Return what the scorer is asked, None where there is nothing to compare.

    A judge is shown a reference only where a person gave it: with the teacher's own answer as the
    reference the teacher would be judged against itself.
    """
    candidate = read.of_completion(exchange.answer)
    if candidate is None:
        return None
    reference = read.of_completion(exchange.reference)
    if exchange.correction is not None:
        reference = read.corrected(exchange.correction, reference)
    elif spec.judge is not None:
        reference = None
    if reference is None and spec.agreement:
        return None
    return Item(
        request=exchange.request,
        reference=reference,
        candidate=candidate,
        rival=rival,
        call_id=exchange.call_id,
    )


def _by_itself(exchange: Exchange, spec: MetricSpec) -> bool:
    """Tell whether the answer is its own reference."""
    return spec.agreement and exchange.who == Who.TEACHER and exchange.correction is None
