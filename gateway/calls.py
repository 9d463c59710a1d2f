"""One call on its way: what was asked, by whom, and who shall answer. Knows no connection.

Everything that the answering parts share, decided before a byte is forwarded.
"""

from __future__ import annotations

import time
from dataclasses import dataclass, field

import msgspec

from gateway import canonical, fit, keys, surfaces
from gateway import headers as head
from gateway.bodies import Body
from gateway.fingerprint import Fingerprints
from gateway.inbound import Inbound
from gateway.keys import AcceptedKeys, Caller
from gateway.order import Wanted
from gateway.pool import Pool
from gateway.ports import Chooser
from gateway.reach import Reach
from gateway.slicing import slices
from gateway.tries import Try, tries
from gateway.upstream.spec import UpstreamSpec
from gateway.wire import Asked
from store.ids import new_id
from store.opening import FP_VERSION
from store.prompt import head_hash
from store.vocabulary import Call, Choice, Route, Unit

_ENCRYPTED = b'"encrypted_content"'  # a provider's reasoning, said back to it
_MOST_RETRIES = 1000  # recorded of what an app claims


class Job(msgspec.Struct, frozen=True, kw_only=True):
    """A call with all that answering it needs."""

    call: Call
    asked: Asked
    caller: Caller
    tries: tuple[Try, ...]  # at the teacher, in their order, at least one
    route: Route | None = None

    def __repr__(self) -> str:
        """Name the call only: it holds what an app said, and by whose credential."""
        return f"Job({self.call.call_id!r})"

    @property
    def account(self) -> tuple[bytes, str, str]:
        """Whose teacher answers, or would be the first to."""
        return self.account_at(self.tries[0].upstream)

    def account_at(self, upstream: UpstreamSpec) -> tuple[bytes, str, str]:
        """Give caller, upstream, model."""
        return self.caller.identity, upstream.name, self.call.model


def barred(
    request: Inbound, asked: Asked, route: Route, *, key_accepted: bool, away: bool = False
) -> str | None:
    """Say in one word why a student may not answer this call, if so."""
    if (request.header(b"x-stillhouse-route") or "").strip().lower() == "teacher":
        return "asked_teacher"
    if not key_accepted:
        return "key_not_accepted"
    if away:
        return "student_away"
    if asked.barred:
        return asked.barred
    program = route.program
    if program.head_hash and head_hash(asked.head) != program.head_hash:
        return "head_mismatch"
    return fit.misfit(asked.request, route.capabilities, program, heading=asked.head_messages)


@dataclass(frozen=True, kw_only=True, slots=True)
class Decider:
    """Makes a `Job` of a parsed request."""

    pool: Pool
    chooser: Chooser
    accepted: AcceptedKeys
    reach: Reach
    known: Fingerprints = field(default_factory=Fingerprints)

    def decide(self, request: Inbound, caller: Caller, asked: Asked, body: Body) -> Job:
        """Choose who answers. Raises `Refusal` (404)."""
        task_name = _given(request, b"x-stillhouse-task") or asked.task_name
        print_ = self._fingerprint(asked, caller, task_name)
        conversation = _given(request, b"x-stillhouse-conversation") or asked.conversation
        unit = conversation or asked.opening
        upstreams = self._upstreams(request, caller, asked, unit)
        call_id = new_id()
        route = self.chooser.route(print_) if print_ else None
        choice = Choice() if print_ else Choice(reason=asked.barred or "opaque")
        if route is not None:
            why = barred(
                request,
                asked,
                route,
                key_accepted=self._accepts(caller, upstreams[0], asked.model),
                away=self.reach.away(route.base_url),
            )
            assigned = asked.user if route.unit == Unit.USER and asked.user else unit
            choice = self.chooser.choose(
                fingerprint=print_,
                unit=assigned,
                call_id=call_id,
                barred=why,
                slices=slices(route.slicers, asked, caller) if route.slicers and why is None else (),
            )
        call = Call(
            call_id=call_id,
            ts=time.time(),
            surface=asked.surface,
            path=request.path,
            tenant=caller.tenant,
            key_id=caller.key_id,
            task_name=task_name,
            fingerprint=print_,
            fp_version=FP_VERSION,
            model=asked.model,
            stream=asked.stream,
            unit=unit,
            conversation=conversation,
            user=asked.user,
            retry_count=min(request.number(b"x-stainless-retry-count") or 0, _MOST_RETRIES),
            headers=head.logged_request(request.headers),
            body=asked.body,
            choice=choice,
        )
        teachers = tries(
            request,
            caller,
            upstreams,
            path=surfaces.BY_NAME[asked.surface].path,
            body=body,
            model=asked.model,
            surface=asked.surface,
            stream=asked.stream,
        )
        return Job(call=call, asked=asked, caller=caller, tries=teachers, route=route)

    def _fingerprint(self, asked: Asked, caller: Caller, task_name: str | None) -> str:
        if not asked.understood:
            return ""
        return self.known.of(asked, caller.tenant, task_name, self.chooser.templates)

    def _upstreams(
        self, request: Inbound, caller: Caller, asked: Asked, unit: str
    ) -> tuple[UpstreamSpec, ...]:
        anthropic = asked.surface == "messages" or request.anthropic
        return self.pool.candidates(
            Wanted(
                model=asked.model,
                surface=asked.surface,
                anthropic=anthropic,
                unit=unit,
                pinned=self.pool.contested(anthropic=anthropic) and _pinned(asked),
                maker_only=asked.surface == "responses" and _ENCRYPTED in asked.body,
                own_key=caller.own_key,
            )
        )

    def _accepts(self, caller: Caller, upstream: UpstreamSpec, model: str) -> bool:
        if not keys.passes_through(caller, upstream):
            return True
        return self.accepted.knows(caller.identity, upstream.name, model, time.monotonic())


def _pinned(asked: Asked) -> bool:
    """Tell whether a call makes, or goes on from, what lives at one provider only."""
    if asked.surface == "responses" and (asked.barred or not asked.understood):
        return True
    return asked.understood and asked.request.get("store") is True


def _given(request: Inbound, name: bytes) -> str | None:
    """Give a header of ours as storable text."""
    text = request.header(name)
    return canonical.clean(text.strip()) or None if text else None
