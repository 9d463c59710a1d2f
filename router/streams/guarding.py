"""The guardrails' own look at drawn calls: it waits for answers, never for a score. Decides nothing."""

from __future__ import annotations

from collections.abc import Callable

from router.pairs import Seen
from router.streams import guardrails
from router.streams.guardrails import GUARDS
from store.vocabulary import Drawn, Observation, Rollout

Page = Callable[[int], list[Drawn]]
"""Gives the next drawn calls after a sequence number."""


class Guarding:
    """What the guardrails have not counted yet of one rollout. What is lost with it is rebuilt from the rows."""

    def __init__(self, page: Page, rollout: Rollout) -> None:
        self._page = page
        self._rollout_id = rollout.rollout_id
        self._slo_ms = rollout.terms.slo_ms
        self._seen = remembered(page, rollout.since_seq, _counted(rollout))
        self._first_seen: dict[int, float] = {}

    def look(self, rollout: Rollout, patience_s: float, now: float) -> list[Observation]:
        """Give the observations that became final. `now` counts seconds of looking."""
        rows = self._page(_counted(rollout))
        self._first_seen = {row.seq: self._first_seen.get(row.seq, now) for row in rows}
        waited = {seq: now - since for seq, since in self._first_seen.items()}
        found = guardrails.resolve(
            self._rollout_id, rows, self._seen, waited, patience_s=patience_s, slo_ms=self._slo_ms
        )
        return [o for o in found if o.seq > rollout.counted_seq.get(o.stream, 0)]


def remembered(page: Page, after: int, until: int) -> Seen:
    """Give what was counted of a rollout's rows after one sequence number, up to another."""
    seen = Seen()
    while after < until and (rows := page(after)):
        for row in rows:
            if row.seq <= until:
                seen.note(row)
        after = rows[-1].seq
    return seen


def _counted(rollout: Rollout) -> int:
    """Give the row up to which all three have counted: a decision may have fallen between them."""
    return min(rollout.counted_seq.get(guard, 0) for guard in GUARDS)
