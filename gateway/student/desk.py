"""A student's answer to one call, or none: then the teacher answers and the app notices nothing.

Nothing goes out before the answer was validated (`whole`) and found sure enough, or its first token came (`first_token`). Knows
no share and no teacher.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Mapping
from typing import Any

from gateway import check, surfaces
from gateway import outcome as outcomes
from gateway.attempt import Exchange
from gateway.calls import Job
from gateway.errors import Refusal
from gateway.inbound import Send
from gateway.manners import Manners
from gateway.outbound import reply
from gateway.reach import Reach
from gateway.records import Records
from gateway.student.asking import as_it_comes, exchange_for, request_for
from gateway.student.passing import Passing
from gateway.student.reader import Reader
from gateway.student.shown import headers_of
from gateway.student.sure import unsure, weighed
from gateway.translate import Untranslatable
from gateway.upstream.port import Headers, Outgoing, Transport, UpstreamError
from store.vocabulary import Outcome, Role, Route

log = logging.getLogger(__name__)

_OK = range(200, 300)


class StudentDesk:
    """Asks students, and lets through what holds."""

    def __init__(
        self,
        transport: Transport,
        records: Records,
        reach: Reach,
        manners: Manners,
        *,
        hung_s: float = 3.0,
        keys: Mapping[str, str] | None = None,
    ) -> None:
        """`keys` are those of upstreams by name, for students that one of them serves."""
        self._records = records
        self._manners = manners
        self._reader = Reader(transport, records, reach)
        self._passing = Passing(self._reader, records)
        self._hung_s = hung_s
        self._keys = keys or {}

    async def serve(
        self, exchange: Exchange, job: Job, route: Route, send: Send, gone: asyncio.Event
    ) -> bool:
        """Answer the app; False means that nothing went out, and the teacher must. Raises `AnswerCut` and `Refusal`.

        `gone` says that a cancellation comes of the app's hanging up.
        """
        with self._records.exactly_one(exchange, served=True):
            try:
                if as_it_comes(job, route, spoken=surfaces.BY_NAME[job.call.surface].spoken):
                    request = self._request(job, route, stream=True, patient=True)
                    return await self._passing.serve(exchange, request, send, self._polite(job))
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
                await self._reader.patiently(exchange, self._request(job, route, stream=False))
                if (completion := self._valid(exchange, job)) is not None:
                    weighed(exchange, job, route, completion)
                    self._records.settle(exchange, served=False)
            except UpstreamError as error:
                self._records.failed(exchange, error, served=False)
            except asyncio.CancelledError:
                self._records.close(exchange, Outcome.LOST, served=False, error="The gateway was stopped.")
                raise

    async def _whole(self, exchange: Exchange, job: Job, route: Route, send: Send) -> bool:
        surface = surfaces.BY_NAME[job.call.surface]
        streamed = job.call.stream and surface.spoken
        await self._reader.whole(exchange, self._request(job, route, stream=streamed))
        completion = self._valid(exchange, job, streamed=streamed)
        if completion is None:
            return False
        completion = weighed(exchange, job, route, completion)
        if (doubt := unsure(exchange, route)) is not None:
            self._records.close(exchange, Outcome.DEFERRED, served=False, error=doubt)
            return False
        try:
            shown = surface.shown(job.asked, exchange.body(), exchange.content_type, completion)
        except Untranslatable as why:
            wrong = f"The answer cannot be said on the surface {surface.name!r} ({why.reason})."
            self._records.close(exchange, Outcome.ERROR, served=False, error=wrong)
            return False
        if not surface.spoken:
            exchange.said_as(surface.name, shown.content_type, shown.body)
        self._records.settle(exchange)
        exchange.released = True
        await self._records.acknowledged(exchange)
        headers = headers_of(exchange, self._polite(job))
        await reply(send, exchange.status, shown.body, headers=headers, kind=shown.content_type)
        return True

    def _request(self, job: Job, route: Route, *, stream: bool, patient: bool = False) -> Outgoing:
        return request_for(job, route, stream=stream, patient=patient, key=self._keys.get(route.upstream))

    def _polite(self, job: Job) -> Headers:
        return self._manners.of(job.account, time.monotonic())

    def _valid(self, exchange: Exchange, job: Job, *, streamed: bool | None = None) -> dict[str, Any] | None:
        """Give a complete and valid answer, or record why it must not go out.

        `streamed`: the form that was asked for, where it matters.
        """
        judged = outcomes.judge(exchange.surface, exchange.content_type, exchange.status, exchange.body())
        wrong = check.problem(judged.answer.completion, job.asked.request)
        if exchange.status not in _OK:
            wrong = f"The student answered with status {exchange.status}."
        elif streamed is not None and exchange.streamed != streamed:
            wrong = "The student answered in another form than asked for."
        if wrong is None and judged.outcome is Outcome.COMPLETE:
            return judged.answer.completion
        worst = Outcome.ERROR if judged.outcome is Outcome.COMPLETE else judged.outcome
        self._records.close(exchange, worst, served=False, error=wrong or f"The answer is {worst}.")
        return None


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
