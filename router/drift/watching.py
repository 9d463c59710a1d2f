"""Looks at what live rollouts' calls were asked and answered with, and keeps what comes of it. Knows no rule of a hold.

It runs beside the controller, in a thread of its own, and bounds what a look costs: of the newest calls some
hundred, and one lesson of the classifier. What was found is written down; the controller reads that.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from typing import Any, Protocol

from router.decision import Cause, Finding
from router.drift import answers, teacher
from router.drift.answers import AnswerWatch
from router.drift.found import finding_of
from router.drift.inputs import InputWatch
from router.drift.looking import Looking, explained
from router.drift.once import Once
from router.drift.settings import DriftPolicy
from router.drift.shape import look
from router.drift.teacher import TeacherWatch
from router.settings import RolloutPolicy
from router.slices.naming import of_answers
from router.slices.proving import unproven
from router.steps import LIVE
from store.control import Control
from store.errors import StaleEpoch, StoreError
from store.vocabulary import Input, Reply, Role, Rollout, Watch, WatchKind, Who

_log = logging.getLogger(__name__)

_MOST = 200  # calls of one look
_NAMED = 300  # calls from before a rollout whose teacher is noted
ANSWERED_S = (
    120.0  # age at which a call's answers are looked at: late ones are of the same kind as others by then
)
_BY_HASH = frozenset(
    {"shadow", "ramp", "holdback"}
)  # choices of the teacher that know nothing of the request
_KEPT = "slice_unproven"  # a choice of the teacher that knows its slice; the student shadows it


class DriftLog(Protocol):
    """What of the call log is looked at."""

    def inputs(
        self, fingerprints: Iterable[str], *, after_seq: int, limit: int, before_ts: float | None = None
    ) -> list[Input]:
        """Give what the newest calls were asked with, in log order."""

    def replies(
        self, fingerprints: Iterable[str], *, after_seq: int, limit: int, before_ts: float | None = None
    ) -> list[Reply]:
        """Give what answered the newest calls, in log order."""


class Watching:
    """Watches every live rollout. `policies` takes a task id, `clock` gives Unix seconds."""

    def __init__(
        self,
        control: Control,
        log: DriftLog,
        policies: Callable[[str], DriftPolicy],
        epoch: int,
        clock: Callable[[], float],
    ) -> None:
        self._control = control
        self._log = log
        self._policies = policies
        self._epoch = epoch
        self._clock = clock
        self._looking: dict[str, Looking] = {}
        self._once: dict[tuple[str, WatchKind], Once] = {}

    def findings(self, rollout: Rollout, _policy: RolloutPolicy) -> Sequence[Finding]:
        """Give what stands against a rollout's comparison, as it was last written."""
        if not self._policies(rollout.task_id).enabled:
            return ()
        found = (finding_of(watch.state.get("found")) for watch in self._control.watches(rollout.rollout_id))
        return tuple(finding for finding in found if finding is not None)

    def step(self) -> None:
        """Look once at every live rollout. A fault of one leaves the others alone. Raises StaleEpoch."""
        live = [rollout for rollout in self._control.rollouts(live=True) if rollout.state in LIVE]
        names = {rollout.rollout_id for rollout in live}
        self._looking = {name: kept for name, kept in self._looking.items() if name in names}
        self._once = {key: kept for key, kept in self._once.items() if key[0] in names}
        for rollout in live:
            policy = self._policies(rollout.task_id)
            if not policy.enabled:
                continue
            try:
                self._watch(rollout, policy)
            except StaleEpoch:
                raise
            except StoreError:
                _log.exception("rollout %s could not be watched; it is tried again", rollout.rollout_id)

    def _watch(self, rollout: Rollout, policy: DriftPolicy) -> None:
        versions = self._control.versions(rollout.task_id)
        version = next((v for v in versions if v.version == rollout.task_version), None)
        if version is None:
            return
        known = {watch.kind: watch for watch in self._control.watches(rollout.rollout_id)}
        kept = {
            kind: known.get(kind) or Watch(rollout_id=rollout.rollout_id, kind=kind) for kind in WatchKind
        }
        fingerprints = version.fingerprints
        made = [
            self._inputs(rollout, fingerprints, kept[WatchKind.INPUTS], policy),
            *self._replies(rollout, fingerprints, kept, policy),
        ]
        for watch in made:
            if watch != kept[watch.kind]:
                self._control.save_watch(replace(watch, updated=self._clock()), self._epoch)

    def _inputs(
        self, rollout: Rollout, fingerprints: Sequence[str], kept: Watch, policy: DriftPolicy
    ) -> Watch:
        looking = self._looking.get(rollout.rollout_id)
        if looking is None:
            latest = self._log.inputs(fingerprints, after_seq=0, limit=policy.window)
            seen = [one for one in latest if one.seq <= kept.seq and one.ts >= rollout.created]
            looking = Looking(self._before(rollout, fingerprints, policy), seen, policy)
            self._looking[rollout.rollout_id] = looking
        found = self._log.inputs(fingerprints, after_seq=kept.seq, limit=_MOST)
        before = InputWatch.from_json(kept.state)
        watch = looking.look(before, [one for one in found if one.ts >= rollout.created])
        if watch.found is not None and before.found is None:
            latest = self._log.inputs(fingerprints, after_seq=0, limit=_MOST)
            watch = explained(watch, self._before(rollout, fingerprints, policy), latest)
        seq = max((one.seq for one in found), default=kept.seq)
        return replace(kept, seq=seq, state=watch.to_json())

    def _before(self, rollout: Rollout, fingerprints: Sequence[str], policy: DriftPolicy) -> list[Input]:
        return self._log.inputs(
            fingerprints, after_seq=0, limit=2 * policy.reference, before_ts=rollout.created
        )

    def _replies(
        self, rollout: Rollout, fingerprints: Sequence[str], kept: dict[WatchKind, Watch], policy: DriftPolicy
    ) -> list[Watch]:
        named = TeacherWatch.from_json(kept[WatchKind.TEACHER].state)
        if not named.begun:
            named = self._named_before(rollout, fingerprints, named)
        if Cause.TEACHER_CHANGED in rollout.held_for:
            named = teacher.adopted(named)
        after = kept[WatchKind.TEACHER].seq
        found = self._log.replies(
            fingerprints, after_seq=after, limit=_MOST, before_ts=self._clock() - ANSWERED_S
        )
        seq = max((one.seq for one in found), default=after)
        found = [one for one in found if one.ts >= rollout.created]
        for one in found:
            if one.who == Who.TEACHER and one.completion is not None:
                named = teacher.noted(named, one.upstream, one.completion)
        mine = [
            one
            for one in found
            if one.who == Who.STUDENT and one.student_id == rollout.student_id and one.reason != _KEPT
        ]
        theirs = [one for one in found if one.who == Who.TEACHER and one.reason in _BY_HASH]
        return [
            _kept(kept[WatchKind.TEACHER], seq, named.to_json()),
            self._answers(rollout, kept[WatchKind.TEACHER_ANSWERS], theirs, seq, policy),
            self._answers(rollout, kept[WatchKind.STUDENT_ANSWERS], mine, seq, policy),
        ]

    def _named_before(
        self, rollout: Rollout, fingerprints: Sequence[str], watch: TeacherWatch
    ) -> TeacherWatch:
        before = self._log.replies(fingerprints, after_seq=0, limit=_NAMED, before_ts=rollout.created)
        for one in before:
            if one.who == Who.TEACHER and one.role != Role.IMPORT and one.completion is not None:
                watch = teacher.noted(watch, one.upstream, one.completion)
        return teacher.begun(watch)

    def _answers(
        self, rollout: Rollout, kept: Watch, found: Sequence[Reply], seq: int, policy: DriftPolicy
    ) -> Watch:
        who = Who.TEACHER if kept.kind == WatchKind.TEACHER_ANSWERS else Who.STUDENT
        kept_from = {*rollout.excluded, *unproven(rollout)}
        without = tuple(sorted(kept_from - of_answers(kept_from)))  # what is answered stays among the answers
        watch = answers.restarted(
            replace(AnswerWatch.from_json(kept.state), whose=str(who)),
            since=rollout.since,
            without=without,
            now=self._clock(),
        )
        once = self._once.setdefault((rollout.rollout_id, kept.kind), Once())
        for one in found:
            looks = look(one.completion, one.outcome)
            if one.ts > watch.after and looks is not None and once.counts(one.unit):
                watch = answers.seen(watch, looks, policy)
        return _kept(kept, seq, watch.to_json())


def _kept(watch: Watch, seq: int, state: dict[str, Any]) -> Watch:
    return replace(watch, seq=seq, state=state)
