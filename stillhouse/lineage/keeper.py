"""Carries out what an operator ordered of tasks. Knows no rule: `verbs` decides.

It works between two steps of the grouping, in the same thread: nobody else moves a fingerprint meanwhile.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable

from stillhouse.errors import Refused
from stillhouse.lineage.verbs import Ground, decide
from stillhouse.settings import Settings
from store.control import Change, Control, Standing, TaskOrder
from store.vocabulary import Task

logger = logging.getLogger(__name__)


class Keeper:
    """Does what is pending, first come, first served. One per control process."""

    def __init__(
        self, control: Control, settings: Settings, epoch: int, now: Callable[[], float] = time.time
    ) -> None:
        self._control = control
        self._settings = settings
        self._epoch = epoch
        self._now = now

    def step(self) -> int:
        """Carry out every order that waits, or say why not; give how many. Raises StaleEpoch."""
        pending = self._control.task_orders(pending=True)
        for order in pending:
            self._control.carry_out(order.order_id, self._decided, self._epoch)
        return len(pending)

    def _decided(self, order: TaskOrder, standing: Standing) -> Change:
        try:
            change = decide(order, Ground(standing=standing, alike=self._alike, now=self._now()))
        except Refused as refusal:
            change = Change(outcome=f"refused: {refusal}")
        logger.info("%s of task %s: %s", order.verb, order.task_id, change.outcome)
        return change

    def _alike(self, one: Task, other: Task) -> bool:
        return self._settings.own_policy(one) == self._settings.own_policy(other)
