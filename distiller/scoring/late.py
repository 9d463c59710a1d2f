"""What users say, hours after the answer if need be, as scores. Knows no metric: a correction is passed on.

Feedback is read once, in the order in which it was loaded: the place reached is kept in memory, so that a look
costs what came since and not what there is. After a restart all of it is gone through once, in steps; what is
a score already stays as it is.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from store.vocabulary import Score, ScoreSource

if TYPE_CHECKING:
    from store.log import Log, Said

FEEDBACK = "feedback"  # name of the scores that users gave
SIGNAL = "signal"  # name of the scores of what users did
_VERSION = "1"
_WAIT_S = 1800.0  # feedback waits so long for its call, and for the call's task
_MOST = 1000  # pieces of feedback that wait
_AFTER_S = 1e-6  # a score that takes another's place is so much later

Worth = Mapping[str, float]  # of signals, in [0, 1]


@dataclass(frozen=True, kw_only=True, slots=True)
class Owner:
    """The task that a call belongs to, and what signals are worth there."""

    task_id: str
    worth: Worth


@dataclass(frozen=True, kw_only=True, slots=True)
class Heard:
    """What one look has found."""

    scores: list[Score]
    corrected: dict[str, dict[str, float]]  # task -> call -> Unix seconds
    mark: int  # the place reached
    waiting: dict[int, float]  # place of feedback whose call is not known -> Unix seconds until when it waits


class Late:
    """Goes through the feedback of one log."""

    def __init__(self, log: Log, owner: Callable[[str], Owner | None], now: Callable[[], float]) -> None:
        self._log = log
        self._owner = owner  # of a fingerprint
        self._now = now
        self._mark = 0
        self._waiting: dict[int, float] = {}

    def look(self, limit: int) -> Heard:
        """Read at most `limit` pieces that are new, and those that waited for their call; `keep` goes on from there."""
        now = self._now()
        found = self._log.said(self._mark, limit, list(self._waiting))
        owners = {f: self._owner(f) for f in {one.fingerprint for one in found} if f is not None}
        scores: list[Score] = []
        corrected: dict[str, dict[str, float]] = defaultdict(dict)
        waiting: dict[int, float] = {}
        for one in found:
            owner = owners.get(one.fingerprint or "")
            if owner is None or one.call_id is None:
                until = self._waiting.get(one.seq, now + _WAIT_S)
                if until >= now and len(waiting) < _MOST:
                    waiting[one.seq] = until
                continue
            scores += scores_of(one, owner.worth)
            if one.corrected:
                calls = corrected[owner.task_id]
                calls[one.call_id] = max(one.ts, calls.get(one.call_id, 0.0))
        mark = max([self._mark, *(one.seq for one in found)])
        return Heard(scores=scores, corrected=dict(corrected), mark=mark, waiting=waiting)

    def keep(self, heard: Heard) -> None:
        """Go on after a look whose scores were written: what was not written is found again."""
        self._mark, self._waiting = heard.mark, heard.waiting


def scores_of(said: Said, worth: Worth) -> list[Score]:
    """Return the scores that a piece of feedback gives its answer and that are not there yet.

    They bear the time at which they were said: of several the one that was said last counts, in whatever order
    they arrive. A word that is not known is worth nothing anybody could guess: it gives none.
    """
    made = []
    if said.score is not None and not said.counted:
        made.append(_score(said, FEEDBACK, _VERSION, value=said.score, ts=said.ts))
    if said.signal is not None and said.signal in worth:
        value = worth[said.signal]
        version = f"{said.signal}={value:g}"
        if version != said.worth:
            ts = said.ts if said.worth_ts is None else said.worth_ts + _AFTER_S
            made.append(_score(said, SIGNAL, version, value=value, ts=ts, reason=said.signal))
    return made


def _score(said: Said, name: str, version: str, **worth: Any) -> Score:
    return Score(
        attempt_id=said.attempt_id or "",
        call_id=said.call_id or "",
        name=name,
        version=version,
        source=ScoreSource(name),
        **worth,
    )
