"""GET /v1/models with this gateway's own names added. Knows no call."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import msgspec

from gateway import canonical, codings
from gateway import headers as head
from gateway.errors import Refusal, from_upstream
from gateway.inbound import Inbound, Send
from gateway.keys import Caller
from gateway.order import Wanted
from gateway.outbound import reply
from gateway.pool import Pool
from gateway.settings import GatewaySettings, UpstreamSpec
from gateway.tries import outgoing
from gateway.upstream.port import Incoming, Transport, UpstreamError

_FOUND = 200
_OK = range(200, 300)
_GLOB = frozenset("*?[")


def aliases(settings: GatewaySettings) -> tuple[str, ...]:
    """Give the names to add: the configured ones, and every model that an upstream names in full."""
    named = [name for upstream in settings.upstreams for name in upstream.models if not _GLOB & set(name)]
    return tuple(dict.fromkeys((*settings.models, *named)))


def merged(listing: Any, names: tuple[str, ...]) -> dict[str, Any]:
    """Add names that the listing lacks."""
    listing = listing if isinstance(listing, dict) else {}
    data = [model for model in listing.get("data") or () if isinstance(model, dict)]
    known = {model.get("id") for model in data}
    fresh = [
        {"id": n, "object": "model", "created": 0, "owned_by": "stillhouse"} for n in names if n not in known
    ]
    return {**listing, "object": "list", "data": [*data, *fresh]}


@dataclass(frozen=True, kw_only=True, slots=True)
class Models:
    """Lists models."""

    settings: GatewaySettings
    transport: Transport
    pool: Pool

    async def answer(self, request: Inbound, caller: Caller, send: Send) -> None:
        """Answer with the first upstream's list and our names. Raises `Refusal` (502, 504)."""
        upstream = self._first()
        if upstream is None:
            await reply(send, _FOUND, msgspec.json.encode(merged(None, aliases(self.settings))))
            return
        try:
            incoming = await self.transport.send(outgoing(request, caller, upstream, "/models", b""))
            try:
                body = b"".join([piece async for piece in incoming.pieces()])
            finally:
                await incoming.aclose()
        except UpstreamError as error:
            raise from_upstream(error, upstream.name) from error
        if incoming.status in _OK:
            listing = merged(_read(incoming, body, self.settings.max_body), aliases(self.settings))
            await reply(send, incoming.status, msgspec.json.encode(listing))
            return
        headers = [
            pair
            for pair in head.back(incoming.headers)
            if pair[0] not in {b"content-length", b"content-type"}
        ]
        kind = head.value(incoming.headers, b"content-type") or "application/json"
        await reply(send, incoming.status, body, headers=headers, kind=kind)

    def _first(self) -> UpstreamSpec | None:
        """Give the upstream whose list it is; None where none has one."""
        try:
            return self.pool.candidates(Wanted(model="", surface="opaque", pinned=True))[0]
        except Refusal:
            return None


def _read(incoming: Incoming, body: bytes, limit: int) -> Any:
    coding = head.listed(incoming.headers, b"content-encoding")
    try:
        return canonical.loads(codings.decode(body, coding, limit))
    except (ValueError, KeyError) as error:
        raise Refusal(502, "The upstream's list of models is not JSON.", code="upstream_invalid") from error
