"""Websockets, `/v1/realtime` above all: opened at an upstream by the rules of any call, and passed on.

Logged as one opaque call with one attempt, which says how it ended and counts what was said; the messages
themselves are not kept. Knows no student, and nothing of what is said.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Coroutine
from dataclasses import dataclass
from urllib.parse import parse_qs

from gateway import canonical, echo, failing, spoken
from gateway import headers as head
from gateway.attempt import Exchange
from gateway.bodies import Body
from gateway.errors import AnswerCut, ClientGone, Refusal, busy, from_upstream
from gateway.frames import End, Line
from gateway.handshake import Handshake, accepting, as_http
from gateway.inbound import Inbound, Receive, Send
from gateway.keys import Caller
from gateway.order import Wanted
from gateway.outbound import refuse
from gateway.pool import Pool
from gateway.records import Records
from gateway.settings import GatewaySettings
from gateway.teacher import ours
from gateway.tries import Try, tries
from gateway.upstream.port import CUT, Dial, Socket, TurnedAway, UpstreamError
from store.ids import new_id
from store.vocabulary import Call, Choice, Outcome, Role, Who

_SWITCHED = 101
_GOING = 1001


@dataclass(frozen=True, kw_only=True, slots=True)
class Sockets:
    """Passes websockets on."""

    settings: GatewaySettings
    pool: Pool
    records: Records

    async def answer(self, asked: Handshake, caller: Caller, receive: Receive, send: Send) -> None:
        """Open, pass on, record. Raises `Refusal` before anything is recorded, `AnswerCut` where it was cut."""
        request = asked.request
        call = _call(request, caller)
        upstreams = self.pool.candidates(
            Wanted(model=call.model, surface=call.surface, unit=call.call_id, own_key=caller.own_key)
        )
        nothing = Body(sent=b"", plain=b"", model=call.model)
        ways = tries(request, caller, upstreams, path=request.address.raw, body=nothing, model=call.model)
        taken = self.pool.take(upstreams)
        if taken is None:
            raise busy()
        one = next(way for way in ways if way.upstream is taken)
        exchange = _exchange(call, one, self.settings.max_opaque_log)
        try:
            self.records.intent(call)
            self.records.metrics.calls.add("opaque", str(Who.TEACHER), "opaque")
            with self.records.exactly_one(exchange, served=True):
                await self._carry(exchange, one, asked, receive, send)
        finally:
            idle = exchange.recorded is Outcome.TIMEOUT and exchange.status == _SWITCHED
            self.pool.leave(taken, well=None if idle else failing.well(exchange, own=one.own))

    async def _carry(
        self, exchange: Exchange, one: Try, asked: Handshake, receive: Receive, send: Send
    ) -> None:
        self.records.accounts.begun(exchange)
        over_http = as_http(asked, send)
        try:
            socket = await _unless_gone(receive, self._dial(one, asked))
        except TurnedAway as no:
            await self._turned_away(exchange, no, over_http)
        except UpstreamError as error:
            self.records.failed(exchange, error, served=True)
            await self.records.acknowledged(exchange)
            told = from_upstream(error, exchange.upstream)
            await refuse(over_http, told, call_id=exchange.call.call_id)
        except ClientGone:
            self.records.close(exchange, Outcome.CLIENT_ABORT, served=True, error="The app hung up.")
        else:
            await self._pass(exchange, socket, receive, send)

    async def _dial(self, one: Try, asked: Handshake) -> Socket:
        # Loaded with the first websocket: it takes a quarter of a second, and most workers never see one.
        from gateway.upstream.websockets_engine import dial  # noqa: PLC0415

        opening: Dial = dial
        return await opening(
            one.request,
            asked.subprotocols,
            max_message=self.settings.max_message,
            ca_file=self.settings.ca_file,
        )

    async def _turned_away(self, exchange: Exchange, no: TurnedAway, send: Send) -> None:
        exchange.heard(no.status, no.headers)
        exchange.take(no.body)
        self.records.close(exchange, Outcome.ERROR, served=True, error=str(no))
        await self.records.acknowledged(exchange)
        kept = [pair for pair in head.back(no.headers) if pair[0] != b"content-length"]
        headers = [*kept, *ours(exchange, "teacher")]
        await send({"type": "http.response.start", "status": no.status, "headers": headers})
        await send({"type": "http.response.body", "body": no.body})

    async def _pass(self, exchange: Exchange, socket: Socket, receive: Receive, send: Send) -> None:
        exchange.status = _SWITCHED
        line = Line(
            receive=receive,
            send=send,
            socket=socket,
            idle_s=self.settings.socket_idle_s,
            heard=exchange.noted,
        )
        end = spoken.STOPPED
        try:
            headers = [*head.back(socket.headers), *ours(exchange, "teacher")]
            await send(accepting(socket.subprotocol, headers))
            end = await line.run()
        except OSError:  # what servers raise where the app is gone
            end = End(by="app", code=CUT)
        finally:
            exchange.heard(_SWITCHED, (*socket.headers, (b"content-type", b"application/json")))
            exchange.take(spoken.summary(line, end))
            self.records.close(exchange, spoken.outcome(end), served=True, error=spoken.error(end))
            await socket.close(*end.sendable())
        await self._told(exchange, end, send)

    async def _told(self, exchange: Exchange, end: End, send: Send) -> None:
        """Tell the app of an end that is not its own. Raises `AnswerCut`, which tells it by no close frame."""
        try:
            await self.records.acknowledged(exchange)
        except Refusal as refusal:
            raise AnswerCut(str(refusal)) from refusal
        if end.by == "app":
            return
        if end.code == CUT:
            raise AnswerCut("The upstream's websocket was cut.")
        code, reason = end.sendable()
        await send({"type": "websocket.close", "code": code, "reason": reason})


def _model(request: Inbound) -> str:
    query = parse_qs(request.target.partition("?")[2])
    named = (*query.get("model", ()), *query.get("deployment", ()), request.address.deployment)
    return canonical.clean(named[0])


def _call(request: Inbound, caller: Caller) -> Call:
    return Call(
        call_id=new_id(),
        ts=time.time(),
        surface="opaque",
        method=request.method,
        path=request.path,
        tenant=caller.tenant,
        key_id=caller.key_id,
        model=_model(request),
        headers=head.logged_request(request.headers),
        choice=Choice(reason="opaque"),
    )


def _exchange(call: Call, one: Try, limit: int) -> Exchange:
    return Exchange(
        call=call,
        role=Role.SERVE,
        who=Who.TEACHER,
        model=call.model,
        upstream=one.upstream.name,
        limit=limit,
        surface="opaque",
        secrets=echo.secrets(one.request),
    )


async def _unless_gone(receive: Receive, opening: Coroutine[None, None, Socket]) -> Socket:
    """Open, unless the app leaves before. Raises `ClientGone`."""
    working, leaving = asyncio.ensure_future(opening), asyncio.ensure_future(receive())
    try:
        await asyncio.wait({working, leaving}, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for one in (working, leaving):
            one.cancel()
        await asyncio.wait({working, leaving})
    if leaving.cancelled():
        return working.result()
    if not working.cancelled() and working.exception() is None:
        await working.result().close(_GOING, "")
    raise ClientGone
