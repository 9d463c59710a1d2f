"""Calls that are passed on without being understood. Knows no task, no student and no fingerprint.

Uploads and answers are streamed; at most a prefix of each is kept.
"""

from __future__ import annotations

import time
from collections.abc import AsyncIterator
from dataclasses import dataclass, replace

import msgspec

from gateway import headers as head
from gateway.errors import Refusal
from gateway.inbound import Inbound, Send, Upload, whole_body
from gateway.keys import Caller
from gateway.pool import Pool, Wanted
from gateway.records import Records
from gateway.settings import GatewaySettings
from gateway.teacher import Relay
from gateway.trail import Trail
from gateway.tries import Try, tries
from store.ids import new_id
from store.vocabulary import Call, Choice, Role, Who

_ANTHROPIC = frozenset({"messages"})
_ALONE = frozenset({"audio", "embeddings", "images", "moderations", "rerank"})  # they leave nothing behind


class _Model(msgspec.Struct):
    model: object = None


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

    async def intake(self, request: Inbound, caller: Caller, upload: Upload, path: str) -> OpaqueJob:
        """Read what is kept of the upload and journal the intent. Raises `Refusal` and `ClientGone`."""
        anthropic = _below(path, _ANTHROPIC) or head.anthropic(request.headers)
        first = await self._first(request, upload, contested=self.pool.contested(anthropic=anthropic))
        model = _model(request, first) if upload.done else ""
        call_id = new_id()
        upstreams = self.pool.candidates(
            Wanted(
                model=model,
                anthropic=anthropic,
                unit=call_id,
                pinned=not (model and _below(path, _ALONE)),
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
            model=model,
            headers=head.logged_request(request.headers),
            body=first[: self.settings.max_opaque_log],
            choice=Choice(reason="opaque"),
        )
        self.records.intent(call)
        self.records.metrics.calls.add("opaque", str(Who.TEACHER), "opaque")
        ways = tries(request, caller, upstreams, path=path, body=first, model=model)
        if not upload.done:
            ways = (_streamed(ways[0], request, first, upload),)
        return OpaqueJob(call=call, tries=ways)

    async def answer(self, job: OpaqueJob, send: Send) -> None:
        """Answer the app."""
        trail = Trail(job.call, job.tries, role=Role.SERVE, limit=self.settings.max_opaque_log)
        await self.relay.serve(trail, send)

    async def _first(self, request: Inbound, upload: Upload, *, contested: bool) -> bytes:
        """Give the prefix; where the model decides between upstreams, all of a JSON body."""
        if contested and _is_json(request):
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


def _below(path: str, roots: frozenset[str]) -> bool:
    return next((part for part in path.split("/") if part), "") in roots


def _is_json(request: Inbound) -> bool:
    kind = request.header(b"content-type") or ""
    return kind.partition(";")[0].strip().lower() == "application/json"


def _model(request: Inbound, body: bytes) -> str:
    if not _is_json(request) or request.header(b"content-encoding"):
        return ""
    try:
        model = msgspec.json.decode(body, type=_Model).model
    except (msgspec.DecodeError, RecursionError):
        return ""
    return model if isinstance(model, str) else ""


def denied(path: str) -> Refusal | None:
    """Refuse (403) the provider's administration, and paths that hide where they lead."""
    parts = path.lower().replace("\\", "/").split("/")
    if any(part in {".", ".."} for part in parts):
        return Refusal(400, "The path must not contain dot segments.", code="invalid_path")
    first = next((part for part in parts if part and part != "v1"), "")
    if first.startswith(("organization", "projects")):
        text = "The provider's administration API is not reachable through this gateway."
        return Refusal(403, text, code="path_denied")
    return None
