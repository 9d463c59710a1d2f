"""The data plane as one ASGI application: where a path leads, and nothing more.

Dispatches on the ASGI path only; the Host header plays no part. Plain ASGI on every path: the hot endpoint
pays for no framework.
"""

from __future__ import annotations

import asyncio
import logging
from dataclasses import dataclass
from functools import cached_property

import msgspec

from gateway import feedback, handshake, pages
from gateway.accounts import Accounts
from gateway.attended import attended
from gateway.background import Background
from gateway.errors import AnswerCut, ClientGone, Refusal
from gateway.inbound import (
    Inbound,
    Receive,
    Scope,
    Send,
    Upload,
    check_headers,
    decoded,
    inbound,
    whole_body,
)
from gateway.keys import Caller, KeyRing
from gateway.models import Models, aliases
from gateway.opaque import Opaque, check_allowed
from gateway.outbound import refuse, reply
from gateway.ports import Transport
from gateway.records import Records
from gateway.settings import GatewaySettings
from gateway.sockets import Sockets
from gateway.surfaces import BY_PATH, Surface
from gateway.turns import Turns
from gateway.vitals import Vitals, unknown

log = logging.getLogger(__name__)

FEEDBACK = "/feedback"


@dataclass(frozen=True, kw_only=True)
class Gateway:
    """An ASGI application."""

    settings: GatewaySettings
    keys: KeyRing
    turns: Turns
    opaque: Opaque
    models: Models
    sockets: Sockets
    records: Records
    background: Background
    transport: Transport
    vitals: Vitals

    @cached_property
    def _guarded(self) -> bool:
        return pages.open_to_all(self.settings)

    @property
    def accounts(self) -> Accounts:
        """What this worker sent."""
        return self.records.accounts

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one connection's scope."""
        if scope["type"] == "http":
            await self._http(scope, receive, send)
        elif scope["type"] == "lifespan":
            await self._lifespan(receive, send)
        elif scope["type"] == "websocket":
            await self._websocket(scope, receive, send)

    async def _http(self, scope: Scope, receive: Receive, send: Send) -> None:
        gauge = self.records.metrics.in_flight
        gauge.add()
        request = inbound(scope)
        try:
            await self._dispatch(request, receive, send)
        except Refusal as refusal:
            self.records.metrics.refusals.add(refusal.code or "")
            await refuse(send, refusal, anthropic=speaks_anthropic(request))
        except ClientGone:
            log.debug("An app hung up while its request was being read.")
        except AnswerCut as cut:
            log.warning("An answer was cut: %s", cut)
            raise
        finally:
            gauge.add(by=-1.0)

    async def _websocket(self, scope: Scope, receive: Receive, send: Send) -> None:
        gauge = self.records.metrics.in_flight
        gauge.add()
        await receive()  # that it was asked for
        asked = handshake.read(scope)
        try:
            self.check(asked.request)
            if not asked.request.address.of_api:
                raise unknown(asked.request)
            check_allowed(asked.request, administration=self.settings.administration)
            caller = self.keys.admit(asked.request.headers, asked.request.target.partition("?")[2])
            await self.sockets.answer(asked, caller, receive, send)
        except Refusal as refusal:
            self.records.metrics.refusals.add(refusal.code or "")
            await refuse(handshake.as_http(asked, send), refusal)
        except AnswerCut as cut:
            log.warning("A websocket was cut: %s", cut)
            raise
        finally:
            gauge.add(by=-1.0)

    def check(self, request: Inbound) -> None:
        """Refuse (400, 403) what no path takes. Raises `Refusal`."""
        most, most_bytes = self.settings.max_headers, self.settings.max_header_bytes
        check_headers(request.headers, most=most, most_bytes=most_bytes)
        if self._guarded and (request.address.of_api or request.address.below == FEEDBACK):
            pages.check(request)

    async def _dispatch(self, request: Inbound, receive: Receive, send: Send) -> None:
        self.check(request)
        path = request.address.below
        surface = BY_PATH.get(path)
        if surface is not None and request.method == "POST":
            await self._understood(surface, request, receive, send)
        elif path == FEEDBACK:
            await self._feedback(request, receive, send)
        elif path == "/models" and request.method == "GET" and self._lists(request):
            caller = self.keys.admit(request.headers)
            await attended(receive, self.models.answer(request, caller, send))
        elif request.address.of_api:
            await self._opaque(request, receive, send)
        else:
            await self.vitals.answer(request, send)

    def _lists(self, request: Inbound) -> bool:
        """Whether our own names belong into the list; Anthropic's has another shape."""
        return bool(aliases(self.settings)) and not request.anthropic

    async def _understood(self, surface: Surface, request: Inbound, receive: Receive, send: Send) -> None:
        caller = self.admit(request)
        job = await self.turns.intake(request, caller, Upload(receive), surface)
        gone = asyncio.Event()
        await attended(receive, self.turns.answer(job, send, gone), gone)

    def admit(self, request: Inbound) -> Caller:
        """Say who asks for an assistant's turn. Raises `Refusal` (401)."""
        return self.keys.admit(request.headers, request.target.partition("?")[2])

    async def _opaque(self, request: Inbound, receive: Receive, send: Send) -> None:
        check_allowed(request, administration=self.settings.administration)
        caller = self.keys.admit(request.headers)
        upload = Upload(receive)
        job = await self.opaque.intake(request, caller, upload)
        await attended(upload.after, self.opaque.answer(job, send))

    async def _feedback(self, request: Inbound, receive: Receive, send: Send) -> None:
        if request.method != "POST":
            raise Refusal(405, "Feedback is sent by POST.", code="method_not_allowed")
        caller = self.keys.admit(request.headers)
        body = await whole_body(request, Upload(receive), feedback.MOST)
        record = feedback.read(decoded(request, body, feedback.MOST), caller)
        await self.records.feedback(record)
        await reply(send, 202, msgspec.json.encode({"id": record.feedback_id, "object": "feedback"}))

    async def _lifespan(self, receive: Receive, send: Send) -> None:
        while True:
            message = await receive()
            if message["type"] == "lifespan.startup":
                await send({"type": "lifespan.startup.complete"})
            elif message["type"] == "lifespan.shutdown":
                await self.background.drain(self.settings.drain_s)
                await self.transport.aclose()
                await send({"type": "lifespan.shutdown.complete"})
                return


def speaks_anthropic(request: Inbound) -> bool:
    """Tell whether an error of ours must have Anthropic's shape."""
    return request.address.below.startswith("/messages") or request.anthropic
