"""The plain breaker: a student whose latest calls fail is taken off, whatever its scores. Knows no store and no clock.

Control trips it over the calls of all gateway workers, and holds the rollout. Each worker has one of its own
over what it saw itself: it needs no journal, no log and no living control.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence

from store.vocabulary import Outcome, Route

FAILED = frozenset({Outcome.ERROR, Outcome.TIMEOUT, Outcome.UPSTREAM_CUT})
"""Outcomes that say a student's server does not work. A refusal or a cut at the length limit is an answer."""

WINDOW = 20
"""Latest calls served by the student ..."""

FAILURES = 5
"""... of which so many failed."""

CONTROL_S = 10.0
"""So long a living control may take to judge what a worker saw; after that its table has the word."""


def tripped(outcomes: Sequence[str], *, window: int = WINDOW, failures: int = FAILURES) -> bool:
    """Say whether too many of the latest calls failed; `outcomes` newest first."""
    return sum(outcome in FAILED for outcome in outcomes[:window]) >= failures


class Breaker:
    """One worker's own. It stays tripped until control has had its say: then the published table counts."""

    def __init__(self) -> None:
        self._latest: dict[str, deque[str]] = {}  # student id: outcomes, newest first
        self._off: dict[str, float] = {}  # student id: when it tripped, Unix seconds

    def saw(self, student_id: str, outcome: str, now: float) -> bool:
        """Count one call that the student served; True where that trips it."""
        latest = self._latest.setdefault(student_id, deque(maxlen=WINDOW))
        latest.appendleft(outcome)
        if student_id in self._off or not tripped(tuple(latest)):
            return False
        self._off[student_id] = now
        return True

    def off(self, student_id: str) -> bool:
        """Say whether the teacher answers for this student."""
        return student_id in self._off

    def told(self, routes: Sequence[Route], heartbeat: float) -> None:
        """Learn what control publishes, and when it last lived.

        A student that is not published, or has no share, is control's business. So is one that control left
        on for `CONTROL_S` after it tripped here: it saw the same calls, and those of the other workers.
        """
        serving = {route.student_id for route in routes if route.share > 0}
        for student_id in set(self._latest) - serving:
            self._forget(student_id)
        for student_id, since in list(self._off.items()):
            if heartbeat > since + CONTROL_S:
                self._forget(student_id)

    def _forget(self, student_id: str) -> None:
        self._latest.pop(student_id, None)
        self._off.pop(student_id, None)
