"""What the controller sees of a live rollout: its drawn calls, and the facts beside them. Decides nothing."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace

from router.decision import Facts, Finding
from router.pairs import Patience
from router.settings import RolloutPolicy
from router.sight import PairLog, Sight
from router.steps import CONSUMING, LIVE, share
from store.control import Control
from store.vocabulary import Observation, Rollout, State

Watcher = Callable[[Rollout, RolloutPolicy], Sequence[Finding]]
"""Gives what stands against a live rollout's comparison now (`router.decision.Finding`)."""


class Seeing:
    """Looks at rollouts, and remembers from tick to tick what waits. `score_name` takes a task id."""

    def __init__(
        self,
        control: Control,
        log: PairLog,
        score_name: Callable[[str], str],
        watchers: Sequence[Watcher],
    ) -> None:
        self._control = control
        self._log = log
        self._score_name = score_name
        self._watchers = watchers
        self._sights: dict[str, Sight] = {}

    def observations(self, rollout: Rollout, policy: RolloutPolicy, looked: float) -> list[Observation]:
        """Give what became final and is not counted yet. `looked` counts seconds of looking."""
        if rollout.state not in CONSUMING:
            return []
        sight = self._sights.get(rollout.rollout_id)
        if sight is None:
            sight = Sight(self._log, rollout, self._score_name(rollout.task_id))
            self._sights[rollout.rollout_id] = sight
        if rollout.voiding:
            return sight.void(rollout.consumed_seq)
        patience = Patience(score_s=policy.score_timeout_s, conversation_s=policy.conversation_s)
        return sight.look(rollout.consumed_seq, patience, looked)

    def facts(self, rollout: Rollout, policy: RolloutPolicy) -> Facts:
        """Give what else is true of a rollout now, as far as its state asks for it."""
        if rollout.state == State.OFFLINE:
            evaluations = self._control.evaluations(rollout.student_id)
            return Facts(evaluation=evaluations[-1] if evaluations else None)
        if rollout.state not in LIVE:
            return Facts()
        task = self._control.task(rollout.task_id)
        facts = Facts(
            findings=tuple(finding for watcher in self._watchers for finding in watcher(rollout, policy)),
            trials=task.trials if task else 0,
        )
        if rollout.state == State.HOLD and not rollout.serving:
            sight = self._sights.get(rollout.rollout_id)
            return replace(facts, probes=sight.probes(rollout.entered) if sight else ())
        if share(rollout, policy) > 0:
            outcomes = self._log.student_outcomes(
                rollout.student_id, limit=policy.breaker_window, after_ts=rollout.entered
            )
            return replace(facts, outcomes=tuple(outcomes))
        return facts

    def afresh(self, rollout_id: str) -> None:
        """Forget what waits of a rollout: it is read again, and only the waiting starts anew."""
        self._sights.pop(rollout_id, None)

    def keep(self, rollout_ids: Iterable[str]) -> None:
        """Forget all others."""
        kept = frozenset(rollout_ids)
        self._sights = {name: sight for name, sight in self._sights.items() if name in kept}
