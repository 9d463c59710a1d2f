"""Operators' orders, obeyed or refused. Knows no verb's meaning: `router.verbs` does."""

from __future__ import annotations

from collections.abc import Callable

from router.errors import RolloutRefused
from router.evidence import Evidence
from router.taking import Made, Taker
from router.verbs import obey
from store.control import Control, Order
from store.errors import NotFound
from store.vocabulary import Rollout, Transition


class Orders:
    """Carries out what is pending. `now` gives the time of a decision about a rollout."""

    def __init__(self, control: Control, taker: Taker, epoch: int, now: Callable[[Rollout], float]) -> None:
        self._control = control
        self._taker = taker
        self._epoch = epoch
        self._now = now

    def obey(self) -> list[Transition]:
        """Carry out every pending order, oldest first; give the decisions made."""
        return [made for order in self._control.orders(pending=True) for made in self._obey(order)]

    def _obey(self, order: Order) -> list[Transition]:
        """Carry out an order, or say why not. Repeated after a crash, it is not carried out twice."""
        made: list[Transition] = []
        try:
            made = self._carried_out(order)
            outcome = "done"
        except (RolloutRefused, NotFound) as refusal:
            outcome = f"refused: {refusal}"
        self._control.finish_order(order.order_id, outcome, self._epoch)
        return made

    def _carried_out(self, order: Order) -> list[Transition]:
        rollout = self._control.rollout(order.rollout_id)
        if rollout is None:
            raise NotFound(f"There is no rollout {order.rollout_id!r}.")
        before = self._control.transitions(rollout_id=order.rollout_id)
        if any(t.inputs.get("order", {}).get("order_id") == order.order_id for t in before):
            return []
        decision = obey(rollout, order.verb, actor=order.actor, reason=order.reason, about=order.slice)
        made = Made(decision=decision, evidence=Evidence.from_json(rollout.evidence), order=order)
        return [self._taker.take(rollout, made, self._now(rollout))[1]]
