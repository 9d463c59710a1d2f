"""Where a request of an app is taken to when it needs no more than callbacks. Knows no socket."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Protocol

from gateway.calls import Job
from gateway.dispatch import Gateway, speaks_anthropic
from gateway.engine.client import NativeTransport
from gateway.engine.reply import Reply
from gateway.engine.turn import Turn
from gateway.errors import AnswerCut, Refusal
from gateway.inbound import Inbound
from gateway.keys import Caller
from gateway.outbound import of_body
from gateway.surfaces import BY_PATH, Surface
from store.vocabulary import Who

log = logging.getLogger(__name__)
_BROKEN = b"Internal Server Error"


class Going(Protocol):
    """What is under way for an app."""

    def gone(self) -> None:
        """Take that the app hung up."""

    def pause(self) -> None:
        """Take that the app reads slowly."""

    def resume(self) -> None:
        """Take that it has read."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Admitted:
    """A request whose head was judged, and whose body may come; or that is refused when it has."""

    request: Inbound = field(
        repr=False
    )  # without its length: what was judged holds for others of the same head
    surface: Surface
    caller: Caller | Refusal


@dataclass(frozen=True, kw_only=True, slots=True)
class Front:
    """Answers calls of one worker. `gateway` does all that is decided about them."""

    gateway: Gateway
    transport: NativeTransport

    def admit(self, request: Inbound, length: int) -> Admitted | None:
        """Judge a head; None where it is not a call that is answered here."""
        surface = BY_PATH.get(request.address.below)
        if surface is None or not self.takes(length):
            return None
        try:
            self.gateway.check(request)
            kept = request.without(b"content-length")
            return Admitted(request=kept, surface=surface, caller=self.gateway.admit(kept))
        except Refusal as refusal:
            return Admitted(request=request, surface=surface, caller=refusal)

    def takes(self, length: int) -> bool:
        """Tell whether a body may be so long."""
        return length <= self.gateway.settings.max_body

    def answer(
        self,
        admitted: Admitted,
        sent: bytes,
        reply: Reply,
        drained: Callable[[], Awaitable[None]],
        tasks: set[asyncio.Task[None]],
    ) -> Going | None:
        """Answer a call, now or in time; None where that is done. `tasks` are those that a stopping server waits for."""
        if isinstance(admitted.caller, Refusal):
            self._refuse(admitted.request, admitted.caller, reply)
            return None
        self.gateway.records.metrics.in_flight.add()
        try:
            job = self.gateway.turns.taken(admitted.request, admitted.caller, sent, admitted.surface)
        except Refusal as refusal:
            self._over()
            self._refuse(admitted.request, refusal, reply)
            return None
        except Exception:
            log.exception("A call could not be taken.")
            self._over()
            reply.whole(500, of_body(_BROKEN, "text/plain"), _BROKEN)
            return None
        if _in_callbacks(job):
            turn = Turn(self.gateway.turns, self.transport, job, reply, self._over)
            if turn.start():
                return turn
        going = _InTask(self, admitted.request, job, reply, drained)
        tasks.add(going.task)
        going.task.add_done_callback(tasks.discard)
        return going

    def _over(self) -> None:
        self.gateway.records.metrics.in_flight.add(by=-1.0)

    def _refuse(self, request: Inbound, refusal: Refusal, reply: Reply) -> None:
        self.gateway.records.metrics.refusals.add(refusal.code or "")
        reply.refuse(refusal, anthropic=speaks_anthropic(request))


def _in_callbacks(job: Job) -> bool:
    """Tell whether a teacher answers, one only, and his bytes as they come."""
    one = job.tries[0]
    student = job.route is not None and job.call.choice.who is Who.STUDENT
    return len(job.tries) == 1 and not (student or one.strip_usage or one.keepalive_s)


class _InTask:
    """A call that needs to wait here and there: the same code as under ASGI, with our own `send`."""

    def __init__(
        self, front: Front, request: Inbound, job: Job, reply: Reply, drained: Callable[[], Awaitable[None]]
    ) -> None:
        self._front = front
        self._gone = asyncio.Event()
        self.task = asyncio.ensure_future(self._run(request, job, reply, drained))

    def gone(self) -> None:
        self._gone.set()
        self.task.cancel()

    def pause(self) -> None:
        """Nothing: `send` waits."""

    resume = pause

    async def _run(
        self, request: Inbound, job: Job, reply: Reply, drained: Callable[[], Awaitable[None]]
    ) -> None:
        try:
            await self._front.gateway.turns.answer(job, reply.sending(drained), self._gone)
        except Refusal as refusal:
            self._front._refuse(request, refusal, reply)  # noqa: SLF001 - of the same module
        except AnswerCut as cut:
            log.warning("An answer was cut: %s", cut)
        except asyncio.CancelledError:
            if not self._gone.is_set():
                raise
        except Exception:
            log.exception("A call could not be answered.")
            if not reply.begun:
                reply.whole(500, of_body(_BROKEN, "text/plain"), _BROKEN)
        finally:
            reply.cut()  # where it is not whole by now
            self._front._over()  # noqa: SLF001
