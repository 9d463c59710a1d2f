"""A teacher's turn in callbacks: what `gateway.teacher.Relay` does for a call with one try, without a task.

Knows no route: who is to answer was decided. Bytes go through as they come, each noted in the exchange before.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable

from gateway import echo, failing
from gateway import headers as head
from gateway.calls import Job
from gateway.engine.client import NativeTransport
from gateway.engine.connection import Closed, Connection
from gateway.engine.reply import Reply
from gateway.errors import Refusal, from_upstream
from gateway.teacher import ours
from gateway.trail import Trail
from gateway.turns import Answering, Turns
from gateway.upstream.port import Headers, UpstreamCut, UpstreamError
from store.vocabulary import Outcome, Role

log = logging.getLogger(__name__)


class Turn:
    """A `Listener` that lets an answer through to an app. `over` is called at its end, whichever it is."""

    def __init__(
        self, turns: Turns, transport: NativeTransport, job: Job, reply: Reply, over: Callable[[], None]
    ) -> None:
        self._began = time.perf_counter()
        self._turns = turns
        self._records = turns.records
        self._transport = transport
        self._job = job
        self._reply = reply
        self._over = over
        self._trail = Trail(job.call, job.tries, role=Role.SERVE, limit=turns.settings.max_answer_log)
        self._exchange = self._trail.exchange
        self._connection: Connection | None = None
        self._task: asyncio.Task[None] | None = None  # opens a connection, or waits for the disk
        self._held: list[bytes] | None = None  # what is passed on when the disk has the record
        self._ended = False
        self._broken: UpstreamError | None = None  # what ended it while the disk was waited for
        self._finished = False

    def start(self) -> bool:
        """Ask the teacher; False where he has no place free, and nothing was done."""
        upstream = self._turns.relay.pool.take(self._trail.upstreams)
        if upstream is None:
            return False
        self._trail.start(upstream)
        request = self._trail.current.request
        self._exchange.secrets = echo.secrets(request)
        self._records.accounts.begun(self._exchange)
        try:
            self._connection = self._transport.begin(request, self)
        except UpstreamError as error:
            self.failed(error)
            return True
        if self._connection is None:
            self._task = asyncio.ensure_future(self._open())
        return True

    def gone(self) -> None:
        """Take that the app hung up, or that the gateway stops: the upstream is left at once."""
        if self._finished:
            return
        self._leave()
        self._records.close(self._exchange, Outcome.CLIENT_ABORT, served=True, error="The app hung up.")
        self._reply.cut()
        self._finish()

    def pause(self) -> None:
        """Read no more of the answer: the app is slow."""
        if self._connection is not None:
            self._connection.pause()

    def resume(self) -> None:
        """Read on, where the disk is not waited for."""
        if self._connection is not None and self._held is None:
            self._connection.resume()

    # What the connection tells.

    def answered(self, status: int, headers: Headers) -> None:
        """Take the head. It goes on with the first piece: until then an error can have a status of its own."""
        self._exchange.heard(status, headers)

    def heard(self, pieces: list[bytes], *, last: bool) -> None:
        """Take pieces; the last goes out with the answer's end."""
        self._safely(self._pass, pieces[0] if len(pieces) == 1 else b"".join(pieces))
        if not last:
            self._reply.flush()

    def ended(self) -> None:
        """Take that the answer is whole."""
        self._ended, self._connection = True, None  # it may already be another call's
        if self._held is None:
            self._safely(self._whole)

    def failed(self, error: Exception) -> None:
        """Take why no more comes."""
        if isinstance(error, Closed):
            self.gone()
        elif isinstance(error, UpstreamError):
            if self._held is None:
                self._safely(self._fail, error)
            else:
                self._broken = error

    def _pass(self, piece: bytes) -> None:
        exchange = self._exchange
        exchange.take(piece)
        if self._held is not None:
            self._held.append(piece)
            return
        if exchange.ends_with(piece):
            self._records.settle(exchange)
            if self._records.wait and exchange.unsynced:
                self._wait([piece])
                return
        self._send(piece)

    def _send(self, piece: bytes) -> None:
        if not self._reply.begun:
            headers = [*head.back(self._exchange.headers), *ours(self._exchange, "teacher")]
            self._reply.head(self._exchange.status, headers)
        self._reply.body(piece)

    def _whole(self) -> None:
        if self._records.settle(self._exchange) is Outcome.UPSTREAM_CUT:
            self._fail(UpstreamCut("The stream ended without its end mark."))
        elif self._records.wait and self._exchange.unsynced:
            self._wait([])
        else:
            self._end()

    def _end(self) -> None:
        self._send(b"")
        self._reply.end()
        self._finish()

    def _fail(self, error: UpstreamError) -> None:
        self._records.failed(self._exchange, error, served=True)
        if self._reply.begun:
            self._cut(str(error))
        elif self._records.wait and self._exchange.unsynced:
            self._held, self._task = [], asyncio.ensure_future(self._tell(error))
        else:
            self._refuse(error)

    def _refuse(self, error: UpstreamError) -> None:
        told = from_upstream(error, self._exchange.upstream)
        self._reply.refuse(told, call_id=self._job.call.call_id, anthropic=self._anthropic)
        self._finish()

    def _cut(self, why: str) -> None:
        log.warning("An answer was cut: %s", why)
        self._reply.cut()
        self._finish()

    # What waits.

    async def _open(self) -> None:
        try:
            self._connection = await self._transport.open(self._trail.current.request, self)
        except UpstreamError as error:
            self.failed(error)

    def _wait(self, held: list[bytes]) -> None:
        """Hold the answer's end until its record is as safe as the operator wants it."""
        self._held = held
        self.pause()
        self._task = asyncio.ensure_future(self._safe())

    async def _safe(self) -> None:
        if not await self._acknowledged():
            return
        held, self._held = self._held or [], None
        if held:
            self._safely(self._send, b"".join(held))
            self._reply.flush()
        self.resume()
        if self._ended:
            self._safely(self._whole)
        elif self._broken is not None:
            self._safely(self._fail, self._broken)

    async def _tell(self, error: UpstreamError) -> None:
        if await self._acknowledged():
            self._safely(self._refuse, error)

    async def _acknowledged(self) -> bool:
        try:
            await self._records.acknowledged(self._exchange)
        except Refusal as refusal:
            self._leave()
            if self._reply.begun:
                self._cut(str(refusal))
            else:
                self._records.metrics.refusals.add(refusal.code or "")
                self._reply.refuse(refusal, anthropic=self._anthropic)
                self._finish()
            return False
        return not self._finished

    @property
    def _anthropic(self) -> bool:
        return self._exchange.surface == "messages" or head.anthropic(self._trail.current.request.headers)

    def _leave(self) -> None:
        if self._connection is not None:
            self._connection.leave(self)
        if self._task is not None and self._task is not asyncio.current_task():
            self._task.cancel()

    def _safely(self, step: Callable[..., None], *given: object) -> None:
        """Take a step; a fault in it is this call's end and nobody else's."""
        if self._finished:
            return
        try:
            step(*given)
        except Exception:
            log.exception("A turn failed.")
            self._leave()
            self._reply.cut()
            self._finish()

    def _finish(self) -> None:
        if self._finished:
            return
        self._finished = True
        exchange, one, answering = self._exchange, self._trail.current, Answering(upstream="")
        self._records.over(exchange, served=True)
        self._turns.relay.pool.leave(one.upstream, well=failing.well(exchange, own=one.own))
        self._turns.taught(self._job, self._trail, answering)
        self._turns.concluded(self._job, answering, self._began)
        self._over()
