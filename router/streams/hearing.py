"""Listening to users: when a block of calls is over, and whether anybody ever says something. Decides nothing."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Protocol

from router.settings import RolloutPolicy
from router.streams import feedback
from router.streams.listening import BLOCK_S, Listening
from store.vocabulary import Heard, Observation, Rollout, Stream

ASK_S = 60.0
"""Seconds of looking after which it is asked again whether users speak."""


class FeedbackLog(Protocol):
    """What is read of the call log."""

    def newest_seq(self) -> int:
        """Give the greatest sequence number so far."""

    def heard(self, rollout_id: str, after: int, until: int, since: int, window_s: float) -> list[Heard]:
        """Give the calls of a rollout that the draw decided, between two sequence numbers, in their order.

        Calls of conversations that began after `since` and before `after` are left out.
        """

    def speaks(self, fingerprints: Sequence[str]) -> bool:
        """Say whether anybody has ever said what an answer to such calls was worth."""


class Hearing:
    """Listens for all rollouts. `fingerprints` gives those of a rollout's task version."""

    def __init__(self, log: FeedbackLog, fingerprints: Callable[[Rollout], Sequence[str]]) -> None:
        self._log = log
        self._fingerprints = fingerprints
        self._listening: dict[str, tuple[Listening, float]] = {}  # with the seconds of looking then
        self._speaks: dict[str, tuple[bool, float]] = {}

    def listen(self, rollout: Rollout, window_s: float, now: float) -> Rollout:
        """Give the rollout with what has been listened to; `now` counts seconds of looking, users have `window_s`."""
        kept, then = self._listening.get(rollout.rollout_id, (None, now))
        listening = kept or Listening.from_json(rollout.listening)
        listening = listening.further(self._log.newest_seq(), now - then, min(BLOCK_S, window_s))
        self._listening[rollout.rollout_id] = (listening, now)
        return replace(rollout, listening=listening.to_json())

    def observations(self, rollout: Rollout, policy: RolloutPolicy) -> list[Observation]:
        """Give what is not counted yet of the oldest block that is over."""
        while (block := self._current(rollout).over(policy.feedback_window_s)) is not None:
            calls = self._log.heard(
                rollout.rollout_id, block.after, block.until, rollout.since_seq, policy.feedback_window_s
            )
            after = rollout.counted_seq.get(Stream.FEEDBACK, 0)
            if found := [o for o in feedback.observations(rollout.rollout_id, calls) if o.seq > after]:
                return found
            then = self._listening[rollout.rollout_id][1]
            self._listening[rollout.rollout_id] = (self._current(rollout).past(), then)
        return []

    def speaks(self, rollout: Rollout, now: float) -> bool:
        """Say whether users of the task ever say what an answer was worth; `now` counts seconds of looking."""
        known, asked = self._speaks.get(rollout.rollout_id, (False, -ASK_S))
        if not known and now - asked >= ASK_S:
            known, asked = self._log.speaks(self._fingerprints(rollout)), now
            self._speaks[rollout.rollout_id] = (known, asked)
        return known

    def keep(self, rollout_ids: frozenset[str]) -> None:
        """Forget all others."""
        self._listening = {name: kept for name, kept in self._listening.items() if name in rollout_ids}
        self._speaks = {name: kept for name, kept in self._speaks.items() if name in rollout_ids}

    def _current(self, rollout: Rollout) -> Listening:
        return self._listening[rollout.rollout_id][0]
