"""Keeps what is published true to the rollouts. Knows no evidence: `router.publish` says what follows from a rollout."""

from __future__ import annotations

from collections.abc import Callable

from router import publish
from router.settings import RolloutPolicy
from router.sight import PairLog
from store.control import Control
from store.vocabulary import Role, Rollout, Route

_DAY_S = 86_400.0
_SHADOWS = (Role.SHADOW, Role.REVERSE_SHADOW)


class Publisher:
    """Makes and rewrites routes under one leader's epoch. `clock` gives Unix seconds."""

    def __init__(self, control: Control, log: PairLog, epoch: int, clock: Callable[[], float]) -> None:
        self._control = control
        self._log = log
        self._epoch = epoch
        self._clock = clock
        self._shadow_usd: dict[float, float] = {}  # of the UTC day, by what an unknown price counts
        self._published: dict[str, Route] = {}

    def look(self) -> None:
        """See what is published and what was spent, for all rollouts of one tick."""
        self._shadow_usd.clear()
        self._published = {route.rollout_id: route for route in self._control.routes()}

    def refresh(self, rollout: Rollout, policy: RolloutPolicy) -> None:
        """Rewrite a route whose student moved, whose money ran out, whose leader changed."""
        wanted = self.route(rollout, policy)
        if wanted is not None and not publish.same(wanted, self._published.get(rollout.rollout_id)):
            self._control.save_route(wanted, self._epoch)

    def committed(self, rollout_id: str, route: Route | None) -> None:
        """Learn what a decision published."""
        if route is None:
            self._published.pop(rollout_id, None)
        else:
            self._published[rollout_id] = route

    def route(self, rollout: Rollout, policy: RolloutPolicy) -> Route | None:
        """Give the route that follows from a rollout now, or None."""
        student = self._control.student(rollout.student_id)
        versions = self._control.versions(rollout.task_id)
        version = next((v for v in versions if v.version == rollout.task_version), None)
        if student is None or version is None:
            return None
        return publish.route(
            rollout,
            student,
            version,
            policy,
            epoch=self._epoch,
            now=self._clock(),
            drawing=self._drawing(policy),
        )

    def _drawing(self, policy: RolloutPolicy) -> bool:
        """Say whether the UTC day's shadow money is not spent yet. An unknown price is not free."""
        unknown = policy.unknown_usd_per_call
        if unknown not in self._shadow_usd:
            now = self._clock()
            self._shadow_usd[unknown] = self._log.spend(now - now % _DAY_S, _SHADOWS, unknown)
        return self._shadow_usd[unknown] < policy.shadow_usd_per_day
