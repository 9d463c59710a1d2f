"""Keeps what shape each task's answers have, read from the log. Knows no metric's inside."""

from __future__ import annotations

from typing import TYPE_CHECKING

from distiller.scoring import message as read
from distiller.scoring.shape import SETTLED, Shape, infer
from distiller.scoring.spec import MetricSpec, choose
from distiller.settings import Policies, TaskPolicy

if TYPE_CHECKING:
    from store.control import Control
    from store.log import Log
    from store.vocabulary import Exchange, Task


class Shapes:
    """The shape and metric of each task.

    The shape is that of the oldest answers, so that it stays the same over restarts and a task's
    score keeps its name; until SETTLED answers are in, whatever their outcome, it may still change.
    """

    def __init__(self, *, log: Log, control: Control, policies: Policies, judge_token: str = "") -> None:
        self._log = log
        self._control = control
        self._policies = policies
        self._judge_token = judge_token
        self._settled: dict[str, Shape] = {}
        # At which edition of the log and of which fingerprints, and what the shape was then.
        self._seen: dict[str, tuple[object, Shape | None]] = {}

    def of(self, task_id: str) -> Shape | None:
        """Return the shape of a task's answers; None while there are none."""
        if task_id in self._settled:
            return self._settled[task_id]
        fingerprints = [f for version in self._control.versions(task_id) for f in version.fingerprints]
        current = self._log.edition, fingerprints
        of, shape = self._seen.get(task_id, (None, None))
        if of != current:
            oldest = self._oldest(fingerprints)
            shape = infer(_messages(oldest))
            self._seen[task_id] = current, shape
            if shape is not None and len(oldest) >= SETTLED:
                self._settled[task_id] = shape
                del self._seen[task_id]
        return shape

    def policy(self, task_id: str) -> TaskPolicy:
        """Return the policy of a task."""
        return self._policies.of(self._control.task(task_id))

    def metric(self, task_id: str) -> MetricSpec:
        """Return the metric of a task: the policy's, or that of its shape (text while unknown)."""
        return self._choose(task_id, self.policy(task_id))

    def closed(self, task: Task) -> bool:
        """Tell whether right and wrong are plain: a label, fields, a tool call, the user's own metric, or people's word."""
        metric = self._choose(task.task_id, self._policies.of(task))
        if metric.judge is not None:
            return metric.judge.corrected
        return metric.by_user or (metric.name in set(Shape) and Shape(metric.name).closed)

    def _choose(self, task_id: str, policy: TaskPolicy) -> MetricSpec:
        shape = self.of(task_id) if policy.metric == "auto" else None
        return choose(policy, shape or Shape.TEXT, self._judge_token)

    def _oldest(self, fingerprints: list[str]) -> list[Exchange]:
        return self._log.exchanges(fingerprints, limit=SETTLED, newest_first=False) if fingerprints else []


def _messages(exchanges: list[Exchange]) -> list[dict[str, object]]:
    messages = (read.of_completion(e.answer) for e in exchanges if e.outcome == "complete")
    return [message for message in messages if message is not None]
