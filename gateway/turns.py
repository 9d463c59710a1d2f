"""The hot endpoints: one request in, one answer out, one record kept. Knows no framework."""

from __future__ import annotations

import asyncio
import time
from dataclasses import dataclass

from gateway import bodies
from gateway.bodies import Body
from gateway.calls import Decider, Job
from gateway.inbound import Inbound, Send, Upload, decoded, whole_body
from gateway.keys import AcceptedKeys, Caller
from gateway.manners import Manners
from gateway.pairs import Pairs
from gateway.records import Records
from gateway.settings import GatewaySettings
from gateway.student import StudentDesk, exchange_for
from gateway.surfaces import Surface
from gateway.teacher import Relay
from gateway.trail import Trail
from store.vocabulary import Outcome, Role, Route, Who

_OK = range(200, 300)


@dataclass(frozen=True, kw_only=True, slots=True)
class Turns:
    """Answers calls of every surface that is understood: each asks for an assistant's turn."""

    settings: GatewaySettings
    decider: Decider
    accepted: AcceptedKeys
    manners: Manners
    records: Records
    relay: Relay
    desk: StudentDesk
    pairs: Pairs

    async def intake(self, request: Inbound, caller: Caller, upload: Upload, surface: Surface) -> Job:
        """Read, decide, and journal the intent. Raises `Refusal` and `ClientGone`."""
        sent = await whole_body(request, upload, self.settings.max_body)
        return self.taken(request, caller, sent, surface)

    def taken(self, request: Inbound, caller: Caller, sent: bytes, surface: Surface) -> Job:
        """Decide on a request that is whole, and journal the intent. Raises `Refusal`."""
        body = Body(sent=sent, plain=decoded(request, sent, self.settings.max_body))
        asked = surface.parse(body.plain, max_depth=self.settings.max_depth)
        if request.address.deployment and not asked.model:
            body = bodies.completed(request, sent, body.plain)
            asked = surface.parse(body.plain, max_depth=self.settings.max_depth)
        job = self.decider.decide(request, caller, asked, body)
        self.records.intent(job.call)
        self.records.metrics.calls.add(surface.name, job.call.choice.who, job.call.choice.reason)
        return job

    async def answer(self, job: Job, send: Send, gone: asyncio.Event) -> None:
        """Answer from the student where it was chosen and can, else from the teacher.

        `gone` is set where the app hangs up, before this is cancelled. Whichever way it ends, hung up or cut included, a drawn pair is completed or counted as missing.
        """
        began = time.perf_counter()
        answering = Answering(upstream=job.tries[0].upstream.name)
        try:
            if job.route is not None and job.call.choice.who is Who.STUDENT:
                if await self._learnt(job, job.route, send, gone, answering):
                    answering.outcome = Outcome.COMPLETE
                    return
                await self._teach(job, Role.FALLBACK, send, answering)
            else:
                await self._teach(job, Role.SERVE, send, answering)
        finally:
            self.concluded(job, answering, began)

    def concluded(self, job: Job, answering: Answering, began: float) -> None:
        """Do what is due when a call was answered: its pair, its time. `began` is of `perf_counter`."""
        self.pairs.after(job, answered=answering.by, outcome=answering.outcome)
        failure = "" if answering.outcome is Outcome.COMPLETE else answering.outcome
        self.records.metrics.duration.observe(
            time.perf_counter() - began, job.call.surface, answering.upstream, job.call.model, failure
        )

    async def _learnt(
        self, job: Job, route: Route, send: Send, gone: asyncio.Event, answering: Answering
    ) -> bool:
        exchange = exchange_for(job, route, Role.SERVE)
        answering.by = Who.STUDENT
        try:
            return await self.desk.serve(exchange, job, route, send, gone)
        finally:
            answering.outcome = exchange.recorded or Outcome.CLIENT_ABORT

    async def _teach(self, job: Job, role: Role, send: Send, answering: Answering) -> None:
        trail = Trail(job.call, job.tries, role=role, limit=self.settings.max_answer_log)
        answering.by = Who.TEACHER
        try:
            await self.relay.serve(trail, send)
        finally:
            self.taught(job, trail, answering)

    def taught(self, job: Job, trail: Trail, answering: Answering) -> None:
        """Learn from what a teacher said, or did not."""
        exchange, upstream = trail.exchange, trail.current.upstream
        answering.outcome = exchange.recorded or Outcome.CLIENT_ABORT
        answering.upstream = upstream.name
        self.accepted.judged(job.caller, upstream, job.call.model, exchange.status)
        if exchange.status in _OK:
            if upstream is not job.tries[0].upstream and job.call.surface == "responses":
                self.relay.pool.moved(job.call.unit, upstream)
            self.manners.note(job.account_at(upstream), exchange.headers, time.monotonic())


@dataclass(slots=True)
class Answering:
    """Who answered a call, and how it ended, as far as that is known."""

    upstream: str  # the teacher's, that answered or would be the first to
    by: Who = Who.TEACHER
    outcome: Outcome = Outcome.CLIENT_ABORT
