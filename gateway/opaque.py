"""Calls that are passed on without being understood. Knows no task, no student and no fingerprint.

Uploads and answers are streamed; at most a prefix of each is kept.
"""

from __future__ import annotations

import time
from collections.abc import AsyncIterator
from dataclasses import dataclass

from msgspec.structs import replace

from gateway import bodies, canonical
from gateway import headers as head
from gateway.bodies import Body
from gateway.errors import Refusal
from gateway.inbound import Inbound, Send, Upload, whole_body
from gateway.keys import Caller
from gateway.order import Wanted
from gateway.pool import Pool
from gateway.records import Records
from gateway.settings import GatewaySettings
from gateway.teacher import Relay
from gateway.trail import Trail
from gateway.tries import Try, tries
from store.ids import new_id
from store.vocabulary import Call, Choice, Role, Who

_ANTHROPIC = frozenset({"messages"})
_ALONE = frozenset({"audio", "embeddings", "images", "moderations", "rerank"})  # they leave nothing behind


@dataclass(frozen=True, kw_only=True, slots=True)
class OpaqueJob:
    """A call on its way to an upstream that nobody here reads."""

    call: Call
    tries: tuple[Try, ...]


@dataclass(frozen=True, kw_only=True, slots=True)
class Opaque:
    """Passes calls on."""

    settings: GatewaySettings
    records: Records
    relay: Relay
    pool: Pool

    async def intake(self, request: Inbound, caller: Caller, upload: Upload) -> OpaqueJob:
        """Read what is kept of the upload and journal the intent. Raises `Refusal` and `ClientGone`."""
        root = request.address.below.split("/")[1]
        anthropic = root in _ANTHROPIC or request.anthropic
        first = await self._first(request, upload, contested=self.pool.contested(anthropic=anthropic))
        body = Body(sent=first, plain=first, model=canonical.clean(request.address.deployment))
        if upload.done:
            body = bodies.read(request, first, self.settings.max_body)
        call_id = new_id()
        upstreams = self.pool.candidates(
            Wanted(
                model=body.model,
                surface="opaque",
                anthropic=anthropic,
                unit=call_id,
                pinned=not (body.model and root in _ALONE),
                own_key=caller.own_key,
            )
        )
        call = Call(
            call_id=call_id,
            ts=time.time(),
            surface="opaque",
            method=request.method,
            path=request.path,
            tenant=caller.tenant,
            key_id=caller.key_id,
            model=body.model,
            headers=head.logged_request(request.headers),
            body=body.plain[: self.settings.max_opaque_log],
            choice=Choice(reason="opaque"),
        )
        self.records.intent(call)
        self.records.metrics.calls.add("opaque", str(Who.TEACHER), "opaque")
        ways = tries(request, caller, upstreams, path=request.address.raw, body=body, model=body.model)
        if not upload.done:
            ways = (_streamed(ways[0], request, first, upload),)
        return OpaqueJob(call=call, tries=ways)

    async def answer(self, job: OpaqueJob, send: Send) -> None:
        """Answer the app."""
        most, brief = self.settings.max_answer_log, self.settings.max_opaque_log
        trail = Trail(job.call, job.tries, role=Role.SERVE, limit=most, brief=brief)
        await self.relay.serve(trail, send)

    async def _first(self, request: Inbound, upload: Upload, *, contested: bool) -> bytes:
        """Give the prefix; all of a JSON body whose model decides between upstreams, or may have to be added."""
        if (contested or request.address.deployment) and bodies.is_json(request.content_type):
            return await whole_body(request, upload, self.settings.max_body)
        return await upload.prefix(self.settings.max_opaque_log)


def _streamed(one: Try, request: Inbound, first: bytes, upload: Upload) -> Try:
    length = request.length
    framing = ((b"content-length", str(length).encode()),) if length is not None else ()
    sent = replace(one.request, headers=(*one.request.headers, *framing), body=_rest(first, upload))
    return replace(one, request=sent)


async def _rest(first: bytes, upload: Upload) -> AsyncIterator[bytes]:
    yield first
    async for piece in upload.pieces():
        yield piece


def check_allowed(request: Inbound, *, administration: bool) -> None:
    """Refuse (403) the provider's administration, unless wanted, and (400) paths that hide where they lead."""
    parts = request.path.lower().replace("\\", "/").split("/")
    if any(part in {".", ".."} for part in parts):
        raise Refusal(400, "The path must not contain dot segments.", code="invalid_path")
    below = request.address.below.lower().replace("\\", "/").split("/")
    first = next((part for part in below if part and part not in {"v1", "openai"}), "")
    if first.startswith(("organization", "projects")) and not administration:
        text = "The provider's administration API is not reachable through this gateway (gateway.administration)."
        raise Refusal(403, text, code="path_denied")
