"""What one rollout's drawn calls look like to the controller, from tick to tick. Knows no decision.

Nothing here is lost when it is lost: it is rebuilt from the drawn rows, and only the waiting starts again.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from router.decision import Probe
from router.pairs import Patience, resolve, void
from router.streams.guarding import remembered
from router.streams.hearing import FeedbackLog
from store.vocabulary import Drawn, Exposure, Observation, Rollout, Who

PAGE = 5000  # drawn rows read at once
_PROBES = 50  # shadow calls remembered


class PairLog(FeedbackLog, Protocol):
    """What the router reads of the call log."""

    def drawn(self, rollout_id: str, after_seq: int, score_name: str, limit: int) -> list[Drawn]:
        """Give a rollout's drawn calls after a sequence number, in its order."""

    def student_outcomes(self, student_id: str, limit: int = 20, after_ts: float = 0.0) -> list[str]:
        """Give outcomes of the student's serve attempts after a time, newest first."""

    def exposure(self, rollout_id: str, step: str, after_seq: int) -> Exposure:
        """Give the calls that were given to a rollout's student at a step, after a sequence number."""

    def latest(self, fingerprints: Sequence[str]) -> float:
        """Give when the latest call of these kinds came (Unix seconds), 0 for none."""

    def users(self, fingerprints: Sequence[str]) -> int:
        """Give how many users apps have named in calls of these kinds."""

    def spend(self, since_ts: float, roles: Sequence[str], unknown_usd: float) -> float:
        """Give the cost in US dollars of attempts with these roles since a time, `unknown_usd` for an unknown one."""


class Sight:
    """The drawn calls of one rollout that are not consumed yet, and what to remember of those that are."""

    def __init__(self, log: PairLog, rollout: Rollout, score_name: str) -> None:
        self._log = log
        self._rollout_id = rollout.rollout_id
        self._score_name = score_name
        self._terms = rollout.terms
        self._seen = remembered(self._page, rollout.since_seq, rollout.consumed_seq)
        self._first_seen: dict[int, float] = {}
        self._probes: dict[int, tuple[float, Probe]] = {}

    def look(
        self, after_seq: int, patience: Patience, now: float, withheld: frozenset[str] = frozenset()
    ) -> list[Observation]:
        """Give the observations that became final. `now` counts seconds of looking, not of any clock.

        `withheld`: the slices of answers that the teacher keeps.
        """
        rows = self._page(after_seq)
        self._first_seen = {row.seq: self._first_seen.get(row.seq, now) for row in rows}
        self._note_probes(rows, withheld)
        waited = {seq: now - since for seq, since in self._first_seen.items()}
        return resolve(
            self._rollout_id, rows, self._seen, waited, patience, terms=self._terms, withheld=withheld
        )

    def void(self, after_seq: int) -> list[Observation]:
        """Give all that was drawn since as void, whatever its scores are or will be."""
        rows = self._page(after_seq)
        self._note_probes(rows)
        for row in rows:
            self._seen.note(row)
        return [void(self._rollout_id, row) for row in rows]

    def probes(self, after_ts: float) -> tuple[Probe, ...]:
        """Give the student's shadow attempts for calls made after a time, newest first."""
        return tuple(probe for _, (ts, probe) in sorted(self._probes.items(), reverse=True) if ts > after_ts)

    def _page(self, after_seq: int) -> list[Drawn]:
        return self._log.drawn(self._rollout_id, after_seq, self._score_name, PAGE)

    def _note_probes(self, rows: Sequence[Drawn], withheld: frozenset[str] = frozenset()) -> None:
        for row in rows:
            if row.served_by == Who.TEACHER and row.student_outcome is not None:
                received = withheld.isdisjoint(row.slices)
                d = _difference(row) if received else 0.0
                self._probes[row.seq] = (row.ts, Probe(row.student_outcome, d))
        for seq in sorted(self._probes)[:-_PROBES]:
            del self._probes[seq]


def _difference(row: Drawn) -> float | None:
    if row.student_score is None or row.teacher_score is None:
        return None
    return row.student_score - row.teacher_score
