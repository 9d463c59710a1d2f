"""A student's answer to one call, or none: then the teacher answers and the app notices nothing.

Nothing goes out before the answer was validated (`whole`) or its first token came (`first_token`). Knows
no share and no teacher.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncGenerator
from contextlib import aclosing

from gateway import canonical, check, disguise, surgery
from gateway import outcome as outcomes
from gateway.attempt import Exchange
from gateway.calls import CHAT, Job
from gateway.capture import sse
from gateway.errors import AnswerCut, Refusal
from gateway.inbound import Send
from gateway.outbound import reply
from gateway.reach import Reach
from gateway.records import Records
from gateway.settings import Timeouts
from gateway.teacher import ours
from gateway.upstream.port import (
    ConnectFailed,
    Incoming,
    Outgoing,
    Transport,
    UpstreamCut,
    UpstreamError,
    UpstreamTimeout,
)
from store.vocabulary import Outcome, Release, Role, Route, Who

log = logging.getLogger(__name__)

MIB = 1024 * 1024
_OK = range(200, 300)
LIMIT = 16 * MIB  # bytes of a student's answer
NOT_READY = 503  # what a server says that has its port, but not yet its model
RESTS_S = (0.5, 1.0, 2.0, 4.0)  # between the tries of a shadow whose server is not there


def request_for(job: Job, route: Route, *, stream: bool) -> Outgoing:
    """Give the request as the student sees it: the meaning of `store.program.rewrite`, and its model.

    The route's time is for all of an answer, but of one passed on as it comes for its first token only.
    """
    body = surgery.edit(
        job.asked.body,
        replace={"model": canonical.dumps(route.model)},
        drop=() if stream else ("stream", "stream_options"),
    )
    if route.drop_head:
        body = surgery.drop_first(body, "messages", job.asked.head_messages)
    limit = route.timeout_s
    total = None if stream and route.release is Release.FIRST_TOKEN else limit
    return Outgoing(
        method="POST",
        url=route.base_url.rstrip("/") + CHAT,
        headers=((b"content-type", b"application/json"), (b"accept", b"*/*")),
        body=body,
        timeouts=Timeouts(connect=min(limit, 2.0), first_byte=limit, idle=limit, total=total),
    )


def exchange_for(job: Job, route: Route, role: Role) -> Exchange:
    """Begin the record of a student's attempt."""
    return Exchange(
        call=job.call,
        role=role,
        who=Who.STUDENT,
        model=route.model,
        upstream=f"student:{route.student_id}",
        student_id=route.student_id,
        limit=LIMIT,
    )


class StudentDesk:
    """Asks students, and lets through what holds."""

    def __init__(self, transport: Transport, records: Records, reach: Reach, *, hung_s: float = 3.0) -> None:
        self._transport = transport
        self._records = records
        self._reach = reach
        self._hung_s = hung_s

    async def serve(
        self, exchange: Exchange, job: Job, route: Route, send: Send, gone: asyncio.Event
    ) -> bool:
        """Answer the app; False means that nothing went out, and the teacher must. Raises `AnswerCut` and `Refusal`.

        `gone` says that a cancellation comes of the app's hanging up.
        """
        with self._records.exactly_one(exchange, served=True):
            try:
                if route.release is Release.FIRST_TOKEN and job.call.stream:
                    return await self._as_it_comes(exchange, job, route, send)
                return await self._whole(exchange, job, route, send)
            except UpstreamError as error:
                self._records.failed(exchange, error, served=False)
                return False
            except asyncio.CancelledError:
                outcome, why = left(exchange, gone=gone.is_set(), hung_s=self._hung_s)
                self._records.close(exchange, outcome, served=True, error=why)
                raise
            except Refusal:
                raise
            except Exception as error:
                if exchange.released:
                    raise
                # Whatever a student's answer breaks here must not become the app's: the teacher can answer.
                log.exception("A student's answer could not be handled; the teacher answers.")
                wrong = f"The gateway could not handle the student's answer ({type(error).__name__})."
                self._records.close(exchange, Outcome.ERROR, served=False, error=wrong)
                return False

    async def shadow(self, job: Job, route: Route) -> None:
        """Ask the student beside an answered call; the app never sees it."""
        exchange = exchange_for(job, route, Role.SHADOW)
        with self._records.exactly_one(exchange, served=False):
            try:
                await self._read_patiently(exchange, request_for(job, route, stream=False))
                if self._holds(exchange, job, served=False):
                    self._records.settle(exchange, served=False)
            except UpstreamError as error:
                self._records.failed(exchange, error, served=False)
            except asyncio.CancelledError:
                self._records.close(exchange, Outcome.LOST, served=False, error="The gateway was stopped.")
                raise

    async def _whole(self, exchange: Exchange, job: Job, route: Route, send: Send) -> bool:
        await self._read(exchange, request_for(job, route, stream=job.call.stream))
        if not self._holds(exchange, job, served=True):
            return False
        disguised = disguise.stream if exchange.streamed else disguise.completion
        shown = disguised(exchange.body(), job.call.model)
        self._records.settle(exchange)
        exchange.released = True
        await self._records.acknowledged(exchange)
        headers = _shown_headers(exchange)
        await reply(send, exchange.status, shown, headers=headers, kind=exchange.content_type)
        return True

    async def _as_it_comes(self, exchange: Exchange, job: Job, route: Route, send: Send) -> bool:
        shown = disguise.Streaming(job.call.model)
        try:
            held = await self._pass_on(exchange, request_for(job, route, stream=True), shown, send)
            if not exchange.released:
                wrong = f"The stream ended without a token (status {exchange.status})."
                self._records.close(exchange, Outcome.ERROR, served=False, error=wrong)
                return False
            if self._records.settle(exchange) is Outcome.UPSTREAM_CUT:
                raise UpstreamCut("The stream ended without its end mark.")
        except UpstreamError as error:
            if not exchange.released:
                raise
            self._records.failed(exchange, error, served=True)
            raise AnswerCut(str(error)) from error
        await self._last(exchange)
        await send({"type": "http.response.body", "body": held + shown.rest(), "more_body": False})
        return True

    async def _pass_on(
        self, exchange: Exchange, request: Outgoing, shown: disguise.Streaming, send: Send
    ) -> bytes:
        """Pass events on from the first token on, which must come in time; give what is still held."""
        held = b""
        try:
            async with asyncio.timeout(request.timeouts.first_byte) as patience:
                async with aclosing(self._pieces(exchange, request)) as pieces:
                    async for piece in pieces:
                        held += shown.add(piece)
                        ended = exchange.ends_with(piece)
                        if exchange.released or _speaks(held):
                            patience.reschedule(None)
                            if ended:
                                self._records.settle(exchange)
                                await self._last(exchange)
                            held = await _pass(exchange, send, held)
        except TimeoutError as error:
            raise UpstreamTimeout("Time ran out while waiting for the first token.") from error
        return held

    async def _last(self, exchange: Exchange) -> None:
        """Wait for the disk before a stream's end; raises `AnswerCut`, or `Refusal` before it began, where it must not."""
        try:
            await self._records.acknowledged(exchange)
        except Refusal as refusal:
            if not exchange.released:
                raise
            raise AnswerCut(str(refusal)) from refusal

    def _holds(self, exchange: Exchange, job: Job, *, served: bool) -> bool:
        """Validate; False where the answer must not go out, which is then recorded."""
        body = exchange.body()
        judged = outcomes.judge("chat", exchange.content_type, exchange.status, body)
        outcome = judged.outcome
        wrong = check.problem(judged.answer.completion, job.asked.request)
        if exchange.status not in _OK:
            wrong = f"The student answered with status {exchange.status}."
        elif served and exchange.streamed != job.call.stream:
            wrong = "The student answered in another form than asked for."
        if wrong is None and outcome is Outcome.COMPLETE:
            return True
        worst = Outcome.ERROR if outcome is Outcome.COMPLETE else outcome
        self._records.close(exchange, worst, served=False, error=wrong or f"The answer is {worst}.")
        return False

    async def _read(self, exchange: Exchange, request: Outgoing) -> None:
        async with aclosing(self._pieces(exchange, request)) as pieces:
            async for _ in pieces:
                pass

    async def _read_patiently(self, exchange: Exchange, request: Outgoing) -> None:
        """Read an answer that nobody waits for: a server that is starting again is given time to."""
        for rest_s in RESTS_S:
            try:
                return await self._read(exchange, request)
            except (ConnectFailed, UpstreamCut):
                if exchange.status:  # an answer had begun: it is this answer that failed
                    raise
            await asyncio.sleep(rest_s)
        return await self._read(exchange, request)

    async def _reached(self, exchange: Exchange, request: Outgoing) -> Incoming:
        """Give the answer's head. Raises `ConnectFailed` also for a server that is still loading its model."""
        incoming = await self._records.accounts.send(self._transport, exchange, request)
        if incoming.status == NOT_READY:
            await incoming.aclose()
            raise ConnectFailed("The student's server is not ready (status 503).")
        return incoming

    async def _pieces(self, exchange: Exchange, request: Outgoing) -> AsyncGenerator[bytes, None]:
        try:
            incoming = await self._reached(exchange, request)
        except (ConnectFailed, UpstreamCut):
            self._reach.lost(request.url.removesuffix(CHAT))
            raise
        try:
            exchange.heard(incoming)
            async for piece in incoming.pieces():
                exchange.take(piece)
                if exchange.truncated:
                    raise UpstreamCut(f"The answer exceeds {LIMIT} bytes.")
                yield piece
        finally:
            await incoming.aclose()


def left(exchange: Exchange, *, gone: bool, hung_s: float) -> tuple[Outcome, str]:
    """Say how an attempt ended that was cancelled, and why.

    An app that was kept waiting and got nothing gave up on the student: without that, one that hangs
    would never be taken off where apps have less patience than its route.
    """
    if not gone:
        return Outcome.LOST, "The gateway was stopped."
    waited = exchange.elapsed_ms() / 1000
    if exchange.released or waited < hung_s:
        return Outcome.CLIENT_ABORT, "The app hung up."
    return Outcome.TIMEOUT, f"The app hung up after {waited:.1f} s without a byte of the student's answer."


def _speaks(block: bytes) -> bool:
    """Tell whether a first token is in these events."""
    for event in sse.events(block):
        try:
            chunk = canonical.loads(event.data)
        except ValueError:
            continue
        for choice in (chunk.get("choices") or ()) if isinstance(chunk, dict) else ():
            delta = choice.get("delta") or {}
            if delta.get("content") or delta.get("tool_calls"):
                return True
    return False


async def _pass(exchange: Exchange, send: Send, held: bytes) -> bytes:
    """Send what is held; nothing is held afterwards."""
    if not exchange.released:
        exchange.released = True
        kind = (b"content-type", exchange.content_type.encode("latin-1"))
        headers = [kind, *_shown_headers(exchange)]
        await send({"type": "http.response.start", "status": exchange.status, "headers": headers})
    if held:
        await send({"type": "http.response.body", "body": held, "more_body": True})
    return b""


def _shown_headers(exchange: Exchange) -> list[tuple[bytes, bytes]]:
    # SDKs show x-request-id as the request's id; a student's server gives none.
    return [*ours(exchange, "student"), (b"x-request-id", exchange.call.call_id.encode())]
