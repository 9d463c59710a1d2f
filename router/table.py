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

    def choose(
        self, *, fingerprint: str, unit: str, call_id: str, barred: str | None, slices: tuple[str, ...] = ()
    ) -> Choice:
        """Decide who answers a call and whether it is paired.

        `barred` is why the student may not see this call, if so: then the teacher answers and no pair is
        drawn. A call without a unit is a unit of its own. Of a slice that the teacher keeps nobody is drawn: who
        else would have answered is not asked, so that of what is drawn as many are the student's as before.
        """
        route = self.routes.get(fingerprint)
        if route is None:
            return Choice(reason=barred or "no_route")
        if barred is not None:
            return teacher(route, barred)
        if not route.excluded and not route.unproven:
            return _drawn(route, unit, call_id, slices)
        if not frozenset(route.excluded).isdisjoint(slices):
            return teacher(route, "slice", slices)
        if not frozenset(route.unproven).isdisjoint(slices):
            return _paired(route, Who.TEACHER, "slice_unproven", call_id, slices)
        return _drawn(route, unit, call_id, slices)


def teacher(route: Route, reason: str, slices: tuple[str, ...] = ()) -> Choice:
    """Give the choice of the teacher for a call of a route, unpaired."""
    return _choice(route, Who.TEACHER, reason, Pairing.NONE, 0.0, slices=slices)


def _drawn(route: Route, unit: str, call_id: str, slices: tuple[str, ...]) -> Choice:
    """Draw who answers: a hash of what is assigned as a whole."""
    u = bucket.position(route.salt, route.task_id, unit or call_id)
    if u >= 1.0 - route.holdback:
        return _paired(route, Who.TEACHER, "holdback", call_id, slices)
    if u < route.share:
        return _paired(route, Who.STUDENT, "share", call_id, slices)
    return _paired(route, Who.TEACHER, "ramp" if route.share > 0 else "shadow", call_id, slices)


def _paired(route: Route, who: Who, reason: str, call_id: str, slices: tuple[str, ...]) -> Choice:
    """Draw the pair: a coin that knows nothing of the position nor of the answer."""
    student = who == Who.STUDENT
    chance = route.reverse_shadow if student else route.shadow
    if bucket.draw(route.salt, call_id) >= chance:
        return _choice(route, who, reason, Pairing.NONE, 0.0, slices=slices)
    return _choice(
        route,
        who,
        reason,
        Pairing.REVERSE_SHADOW if student else Pairing.SHADOW,
        min(1.0, chance),
        slices=slices,
    )


def _choice(
    route: Route, who: Who, reason: str, pairing: Pairing, propensity: float, *, slices: tuple[str, ...]
) -> Choice:
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
        slices=slices,
    )
