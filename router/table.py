"""Who answers one request: an immutable snapshot of the routes. Knows no store, no clock and no upstream."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from router import bucket
from store.vocabulary import Choice, Pairing, Route, Who


@dataclass(frozen=True, kw_only=True, slots=True)
class Table:
    """Routes by fingerprint. Total: whatever is asked, somebody answers."""

    routes: Mapping[str, Route] = field(default_factory=dict)

    @classmethod
    def of(cls, routes: Iterable[Route]) -> Table:
        """Index published routes; of two with one fingerprint the later one counts."""
        ordered = sorted(routes, key=lambda route: (route.updated, route.rollout_id))
        return cls(routes={name: route for route in ordered for name in route.fingerprints})

    def route(self, fingerprint: str) -> Route | None:
        """Give the route of a fingerprint, or None: the teacher answers, and nothing is drawn."""
        return self.routes.get(fingerprint)

    def choose(self, *, fingerprint: str, unit: str, call_id: str, barred: str | None) -> Choice:
        """Decide who answers a call and whether it is paired.

        `barred` is why the student may not see this call, if so: then the teacher answers and no pair is
        drawn. A call without a unit is a unit of its own.
        """
        route = self.routes.get(fingerprint)
        if route is None:
            return Choice(reason=barred or "no_route")
        if barred is not None:
            return teacher(route, barred)
        u = bucket.position(route.salt, route.task_id, unit or call_id)
        if u >= 1.0 - route.holdback:
            return _paired(route, Who.TEACHER, "holdback", call_id)
        if u < route.share:
            return _paired(route, Who.STUDENT, "share", call_id)
        return _paired(route, Who.TEACHER, "ramp" if route.share > 0 else "shadow", call_id)


def teacher(route: Route, reason: str) -> Choice:
    """Give the choice of the teacher for a call of a route, unpaired."""
    return _choice(route, Who.TEACHER, reason, Pairing.NONE, 0.0)


def _paired(route: Route, who: Who, reason: str, call_id: str) -> Choice:
    """Draw the pair: a coin that knows nothing of the position nor of the answer."""
    student = who == Who.STUDENT
    chance = route.reverse_shadow if student else route.shadow
    if bucket.draw(route.salt, call_id) >= chance:
        return _choice(route, who, reason, Pairing.NONE, 0.0)
    return _choice(
        route, who, reason, Pairing.REVERSE_SHADOW if student else Pairing.SHADOW, min(1.0, chance)
    )


def _choice(route: Route, who: Who, reason: str, pairing: Pairing, propensity: float) -> Choice:
    return Choice(
        who=who,
        reason=reason,
        task=route.task_id,
        task_version=route.task_version,
        rollout_id=route.rollout_id,
        student_id=route.student_id,
        step=route.step,
        share=route.share,
        pairing=pairing,
        propensity=propensity,
    )
