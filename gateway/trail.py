"""The exchanges of one call with its teachers: one after the other, and the last is what the app gets.

Knows no connection and no order of upstreams.
"""

from __future__ import annotations

from gateway.attempt import Exchange
from gateway.tries import Try
from gateway.upstream.spec import UpstreamSpec
from store.vocabulary import Call, Role, Who


class Trail:
    """Holds the exchange that is under way, and the tries that are left."""

    def __init__(
        self, call: Call, tries: tuple[Try, ...], *, role: Role, limit: int, brief: int | None = None
    ) -> None:
        self.call = call
        self.current = tries[0]
        self.exchange = self._begin(role, tries[0], limit, brief)
        self.left = list(tries)

    @property
    def upstreams(self) -> list[UpstreamSpec]:
        """Those of the tries that are left."""
        return [one.upstream for one in self.left]

    def start(self, upstream: UpstreamSpec) -> None:
        """Take the try at `upstream` for the exchange that was begun."""
        self._turn_to(upstream)
        self.exchange.upstream = upstream.name

    def go_on(self, upstream: UpstreamSpec) -> None:
        """Begin another exchange, at `upstream`; the last one was recorded as not served."""
        self._turn_to(upstream)
        self.exchange = self._begin(Role.FAILOVER, self.current, self.exchange.limit, self.exchange.brief)

    def _turn_to(self, upstream: UpstreamSpec) -> None:
        self.current = next(one for one in self.left if one.upstream is upstream)
        self.left.remove(self.current)

    def _begin(self, role: Role, one: Try, limit: int, brief: int | None) -> Exchange:
        return Exchange(
            call=self.call,
            role=role,
            who=Who.TEACHER,
            model=self.call.model,
            upstream=one.upstream.name,
            limit=limit,
            brief=brief,
            surface=self.call.surface,
        )
