"""Watchers of what makes a comparison untrustworthy: assignments that are not as published, scores that do not come.

They read the log now and then and keep what they found until they look again. Decide nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Protocol

from router.decision import Cause, Finding
from router.looking import Looking
from router.pairs import WHOLE
from router.settings import RolloutPolicy
from router.sight import PAGE
from router.steps import CONSUMING
from router.streams import outage, ratio
from router.streams.outage import Due
from router.streams.ratio import Assigned
from store.vocabulary import Drawn, Outcome, Rollout, Unit

RATIO_S = 60.0
OUTAGE_S = 5.0
LATEST = 200
"""Pairs that an outage is looked for among."""

Clock = Callable[[], float]


class AssignmentLog(Protocol):
    """What is read of the call log."""

    def assignments(self, rollout_id: str, after_seq: int, *, by_user: bool = False) -> list[dict[str, Any]]:
        """Give the units of each step and share, as `Assigned` names them."""


class ScoreLog(Protocol):
    """What is read of the call log."""

    def drawn(self, rollout_id: str, after_seq: int, score_name: str, limit: int) -> list[Drawn]:
        """Give a rollout's drawn calls after a sequence number, in its order."""


class RatioWatch:
    """Finds units that do not fall as the published share says."""

    def __init__(self, log: AssignmentLog, clock: Clock) -> None:
        self._log = log
        self._clock = clock
        self._looking = Looking()
        self._known: dict[str, tuple[float, list[Finding]]] = {}

    def __call__(self, rollout: Rollout, policy: RolloutPolicy) -> Sequence[Finding]:
        """Give what stands against a rollout now."""
        now = self._looking.look(self._clock())
        at, found = self._known.get(rollout.rollout_id, (-RATIO_S, []))
        if rollout.state in CONSUMING and now - at >= RATIO_S:
            rows = self._log.assignments(
                rollout.rollout_id, rollout.since_seq, by_user=rollout.unit == Unit.USER
            )
            found = findings([Assigned(**row) for row in rows], policy.ratio_alpha)
            self._known[rollout.rollout_id] = (now, found)
        return found


def findings(counts: Sequence[Assigned], alpha: float) -> list[Finding]:
    """Give what the counts say, in a sentence."""
    if (at := ratio.mismatch(counts, alpha)) is None:
        return []
    return [
        Finding(
            cause=Cause.ASSIGNMENT_MISMATCH,
            why=(
                f"{at.student} of {at.units} conversations of step {at.step} fell to the student "
                f"({100 * at.student / at.units:.2f}%), and {100 * at.share:g}% were published: calls are lost or "
                "go another way, and the compared ones are not those that were drawn."
            ),
            figures={
                **at._asdict(),
                "log_evidence": ratio.log_evidence(at),
                "log_threshold": ratio.threshold(alpha, len(counts)),
            },
        )
    ]


class OutageWatch:
    """Finds that scores have ceased to come. `score_name` takes a task id."""

    def __init__(self, log: ScoreLog, score_name: Callable[[str], str], clock: Clock) -> None:
        self._log = log
        self._score_name = score_name
        self._clock = clock
        self._looking = Looking()
        self._known: dict[str, tuple[float, list[Finding]]] = {}
        self._after: dict[str, int] = {}  # by rollout: the row before the oldest that is looked at
        self._ready: dict[str, dict[int, float]] = {}  # by rollout and row: when both answers were there

    def __call__(self, rollout: Rollout, policy: RolloutPolicy) -> Sequence[Finding]:
        """Give what stands against a rollout now."""
        now = self._looking.look(self._clock())
        at, found = self._known.get(rollout.rollout_id, (-OUTAGE_S, []))
        if rollout.state in CONSUMING and now - at >= OUTAGE_S:
            due = self._due(rollout, now)
            held = Cause.JUDGE_OUTAGE in rollout.held_for
            found = _outage(outage.silence(due, policy.score_timeout_s, held=held))
            self._known[rollout.rollout_id] = (now, found)
        return found

    def _due(self, rollout: Rollout, now: float) -> list[Due]:
        """Give the latest pairs that can be scored, and how long they could have been."""
        name = rollout.rollout_id
        rows = self._log.drawn(
            name, self._after.get(name, rollout.consumed_seq), self._score_name(rollout.task_id), PAGE
        )
        if len(rows) > LATEST:
            self._after[name] = rows[-LATEST - 1].seq
        rows = [
            row for row in rows[-LATEST:] if row.teacher_outcome == Outcome.COMPLETE and row.student_outcome
        ]
        before = self._ready.get(name, {})
        ready = self._ready[name] = {row.seq: before.get(row.seq, now) for row in rows}
        return [Due(row.seq, now - ready[row.seq], _scored(row)) for row in rows]


def _scored(row: Drawn) -> bool:
    """Say whether every half of a pair that can be scored is."""
    student = row.student_score is not None or row.student_outcome not in WHOLE
    return student and row.teacher_score is not None


def _outage(found: outage.Silence | None) -> list[Finding]:
    if found is None:
        return []
    return [
        Finding(
            cause=Cause.JUDGE_OUTAGE,
            why=(
                f"No score comes: the latest {found.pairs} pairs whose answers are there have none. What is drawn "
                "meanwhile counts nowhere, whatever it will be scored."
            ),
            figures=found._asdict(),
            void="interval",
        )
    ]
