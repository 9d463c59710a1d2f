"""What is asked of a worker itself: is it there, is it ready, what has it counted. Knows no call."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import msgspec

from gateway.errors import Refusal
from gateway.inbound import Inbound, Send
from gateway.metrics import Metrics
from gateway.outbound import reply
from gateway.ports import Health
from gateway.settings import GatewaySettings


@dataclass(frozen=True, kw_only=True, slots=True)
class Vitals:
    """Answers `/healthz`, `/readyz` and `/metrics`."""

    settings: GatewaySettings
    metrics: Metrics
    health: Health

    async def answer(self, request: Inbound, send: Send) -> None:
        """Answer. Raises `Refusal` (404) of every other path and method."""
        path = request.address.below
        if request.method not in {"GET", "HEAD"}:
            raise unknown(request)
        if path == "/healthz":
            await reply(send, 200, b'{"status":"ok"}')
        elif path == "/readyz":
            state = self.health.readiness()
            names = [upstream.name for upstream in self.settings.upstreams]
            shown: dict[str, Any] = {"ready": state.ready, "upstreams": names, **state.detail}
            await reply(send, 200 if state.ready else 503, msgspec.json.encode(shown))
        elif path == "/metrics":
            kind = "text/plain; version=0.0.4; charset=utf-8"
            await reply(send, 200, self.metrics.render(), kind=kind)
        else:
            raise unknown(request)


def unknown(request: Inbound) -> Refusal:
    """Say that nothing is below this path."""
    return Refusal(404, f"Unknown request URL: {request.method} {request.path[:200]}.", code="unknown_url")
