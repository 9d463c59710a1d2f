"""The second answer of a drawn pair: a shadow beside the teacher, or the teacher beside a student.

Runs after the app has its answer, in the background, with the app's own credential, and is never seen by
it. A pair that cannot be made leaves an attempt that says so, so that it counts as missing.
"""

from __future__ import annotations

import asyncio
from dataclasses import replace
from functools import partial

from msgspec import structs

from gateway import echo, failing, surgery
from gateway.attempt import Exchange
from gateway.background import Background
from gateway.calls import Job
from gateway.keys import AcceptedKeys
from gateway.pool import Pool
from gateway.records import Records
from gateway.settings import GatewaySettings
from gateway.student import StudentDesk, exchange_for
from gateway.tries import Try
from gateway.upstream.port import Outgoing, Transport, UpstreamError
from store.vocabulary import Choice, Outcome, Pairing, Role, Route, Who

_NOT_TWICE = frozenset({b"content-encoding", b"idempotency-key", b"accept"})


def second(choice: Choice, answered: Who) -> Pairing:
    """Say which second answer is due: none where a fallback has already given the teacher's."""
    if choice.pairing is Pairing.SHADOW and answered is Who.TEACHER:
        return Pairing.SHADOW
    if choice.pairing is Pairing.REVERSE_SHADOW and answered is Who.STUDENT:
        return Pairing.REVERSE_SHADOW
    return Pairing.NONE


class Pairs:
    """Makes the second answers of one worker."""

    def __init__(
        self,
        settings: GatewaySettings,
        *,
        transport: Transport,
        records: Records,
        desk: StudentDesk,
        background: Background,
        accepted: AcceptedKeys,
        pool: Pool,
    ) -> None:
        self._settings = settings
        self._transport = transport
        self._records = records
        self._desk = desk
        self._background = background
        self._accepted = accepted
        self._pool = pool

    def after(self, job: Job, *, answered: Who, outcome: Outcome) -> None:
        """Begin the second answer of `job`, if one was drawn. Returns at once."""
        due = second(job.call.choice, answered)
        if due is Pairing.NONE or job.route is None:
            return
        missing = partial(self._missing, job, job.route, due)
        if outcome is not Outcome.COMPLETE:
            missing(f"Not asked: the answer to pair with is {outcome}.")
        elif not self._background.submit(
            lambda: self._make(job, due), never=lambda: missing("Not asked: the gateway was stopped.")
        ):
            missing("Not asked: shadow queue full.")
        self._records.metrics.shadows.put(self._background.pending)

    async def _make(self, job: Job, due: Pairing) -> None:
        if job.route is None:
            return
        if due is Pairing.SHADOW:
            await self._desk.shadow(job, job.route)
        else:
            await self._ask_teacher(job)
        self._records.metrics.shadows.put(self._background.pending - 1)

    async def _ask_teacher(self, job: Job) -> None:
        one, patience = job.tries[0], self._settings.shadow_timeout_s
        exchange = self._teacher_exchange(job)
        with self._records.exactly_one(exchange, served=False):
            try:
                if await self._pool.wait((one.upstream,), patience) is None:
                    why = "Not asked: the upstream has as many requests as it may have."
                    self._records.close(exchange, Outcome.ERROR, served=False, error=why)
                    return
                try:
                    await self._read(exchange, _unstreamed(job, one, patience))
                    self._records.settle(exchange, served=False)
                    self._accepted.judged(job.caller, one.upstream, job.call.model, exchange.status)
                except UpstreamError as error:
                    self._records.failed(exchange, error, served=False)
                finally:
                    self._pool.leave(one.upstream, well=failing.well(exchange, own=one.own))
            except asyncio.CancelledError:
                self._records.close(exchange, Outcome.LOST, served=False, error="The gateway was stopped.")
                raise

    async def _read(self, exchange: Exchange, request: Outgoing) -> None:
        incoming = await self._records.accounts.send(self._transport, exchange, request)
        try:
            exchange.heard(incoming.status, incoming.headers)
            async for piece in incoming.pieces():
                exchange.take(piece)
        finally:
            await incoming.aclose()

    def _missing(self, job: Job, route: Route, due: Pairing, why: str) -> None:
        student = due is Pairing.SHADOW
        exchange = exchange_for(job, route, Role.SHADOW) if student else self._teacher_exchange(job)
        # Nobody is to blame: as an error of the student it would count as its answer, and a burst would roll it back.
        self._records.close(exchange, Outcome.LOST, served=False, error=why)

    def _teacher_exchange(self, job: Job) -> Exchange:
        return Exchange(
            call=job.call,
            surface=job.call.surface,
            role=Role.REVERSE_SHADOW,
            who=Who.TEACHER,
            model=job.call.model,
            upstream=job.tries[0].upstream.name,
            limit=self._settings.max_answer_log,
            secrets=echo.secrets(job.tries[0].request),
        )


def _unstreamed(job: Job, one: Try, seconds: float) -> Outgoing:
    """Give the app's own request to the teacher, as one whole answer, under a time limit."""
    headers = tuple((name, text) for name, text in one.request.headers if name not in _NOT_TWICE)
    body = surgery.edit(job.asked.body, drop=("stream", "stream_options"))
    timeouts = replace(one.request.timeouts, total=seconds)
    return structs.replace(one.request, headers=headers, body=body, timeouts=timeouts)
