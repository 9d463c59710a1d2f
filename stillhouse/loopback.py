"""The way of jobs and judges to an upstream: `POST /internal/v1/chat/completions` on the control port.

They hold a token with a budget instead of a key. Their calls are journalled with origin=internal: costed,
never a task, never a pair, never a training row. Knows no job.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from fastapi import FastAPI, Request
from fastapi.responses import JSONResponse, Response

from distiller.scoring.about import HEADER
from gateway import outcome as outcomes
from gateway.accounts import Accounts
from gateway.capture import read_answer
from gateway.errors import Refusal
from gateway.inbound import Inbound
from gateway.keys import Caller
from gateway.order import Wanted, order
from gateway.ports import Journal
from gateway.settings import UpstreamSpec
from gateway.tries import outgoing
from gateway.upstream.port import Transport, UpstreamError
from stillhouse.grants import Grants
from store.ids import new_id
from store.vocabulary import Attempt, Call, Origin, Role, Usage, Who

PATH = "/internal/v1/chat/completions"
MOST = 16 * 1024 * 1024  # bytes of a request or an answer
UNKNOWN_USD = 0.01 / 1000  # for a token of a model without a known price
BYTES_PER_TOKEN = 4  # where the upstream reports no tokens
REFUSED = 400  # statuses from here on cost nothing

_ASKED = Inbound(
    method="POST",
    path=PATH,
    target=PATH,
    headers=((b"content-type", b"application/json"), (b"accept-encoding", b"identity")),
)
_HOUSE = Caller(tenant="", key_id="", identity=b"", own_key=False)

Price = Callable[[str, Usage], float | None]


class Loopback:
    """Forwards one call at a time of each caller; never retries."""

    def __init__(
        self,
        *,
        upstreams: tuple[UpstreamSpec, ...],
        grants: Grants,
        journal: Journal,
        transport: Transport,
        price: Price,
    ) -> None:
        self._upstreams = upstreams
        self._grants = grants
        self._journal = journal
        self._transport = transport
        self._price = price
        self.accounts = Accounts()

    def mount(self, app: FastAPI) -> None:
        """Add the path to an app."""
        app.add_api_route(PATH, self.answer, methods=["POST"], response_model=None)

    async def answer(self, request: Request) -> Response:
        """Answer one call in the shape of OpenAI's API, errors included."""
        token = request.headers.get("authorization", "").removeprefix("Bearer ").strip()
        grant = self._grants.begin(token)
        if grant is None:
            return _refusal(401, "This token is not known here.", "invalid_api_key")
        if grant.exhausted is not None:
            return _refusal(402, f"The budget is used up: {grant.exhausted}.", "budget_exhausted")
        body = await request.body()
        try:
            asked = _asked(body, request.headers.get(HEADER))
            upstream = self._upstream(request.headers.get("x-stillhouse-upstream"), asked.model)
        except Refusal as refusal:
            return _refusal(refusal.status, str(refusal), refusal.code or "invalid_request_error")
        if upstream.api_key is None:
            sentence = f"The upstream {upstream.name} has no key of its own, so nothing may call it in the background."
            return _refusal(403, sentence, "no_upstream_key")
        return await self._forward(token, grant.name, upstream, asked, body)

    def _upstream(self, name: str | None, model: str) -> UpstreamSpec:
        """Give the upstream of this name, or without one the first for the model. Raises Refusal."""
        if name is None:
            (upstream,) = order(self._upstreams, Wanted(model=model, pinned=True))
            return upstream
        named = next((spec for spec in self._upstreams if spec.name == name), None)
        if named is None:
            raise Refusal(404, f"There is no upstream {name!r}.")
        return named

    async def _forward(
        self, token: str, name: str, upstream: UpstreamSpec, asked: _Asked, body: bytes
    ) -> Response:
        call = Call(
            call_id=new_id(),
            ts=time.time(),
            origin=Origin.INTERNAL,
            path=PATH,
            tenant=name,
            model=asked.model,
            user=asked.user,
            headers={HEADER: asked.about} if asked.about else {},
            body=body,
        )
        self._journal.append(call)
        exchange = _Exchange(call, upstream)
        try:
            status, kind, answer = await self._exchange(exchange, upstream, body)
        except UpstreamError as error:
            self._record(exchange, exchange.failed(error))
            return _refusal(502, f"The upstream {upstream.name} did not answer: {error}", "upstream_error")
        finally:
            self.accounts.let_go(exchange)
        self._record(exchange, exchange.ended(status, kind, answer))
        usage = read_answer("chat", kind, status, answer).usage
        known = self._price(asked.model, usage)
        self._grants.spend(token, guess(status, usage, len(body) + len(answer)) if known is None else known)
        return Response(answer, status, media_type=kind or "application/json")

    def _record(self, exchange: _Exchange, attempt: Attempt) -> None:
        self.accounts.recorded(exchange)
        self._journal.append(attempt)

    async def _exchange(
        self, exchange: _Exchange, upstream: UpstreamSpec, body: bytes
    ) -> tuple[int, str, bytes]:
        request = outgoing(_ASKED, _HOUSE, upstream, "/chat/completions", body, model=exchange.model)
        incoming = await self.accounts.send(self._transport, exchange, request)
        try:
            answer = b"".join([piece async for piece in incoming.pieces()])
        finally:
            await incoming.aclose()
        kind = dict(incoming.headers).get(b"content-type", b"").decode("latin-1")
        return incoming.status, kind, answer


class _Exchange:
    """The attempt in the making."""

    def __init__(self, call: Call, upstream: UpstreamSpec) -> None:
        self.attempt_id = new_id()
        self.sent = False
        self._call = call
        self._upstream = upstream
        self._began = time.monotonic()

    @property
    def model(self) -> str:
        return self._call.model

    def ended(self, status: int, kind: str, answer: bytes) -> Attempt:
        outcome = outcomes.of_answer("chat", kind, status, answer)
        return self._attempt(outcome=outcome, status=status, content_type=kind, body=answer)

    def failed(self, error: UpstreamError) -> Attempt:
        return self._attempt(outcome=outcomes.of_error(error), error=str(error))

    def _attempt(self, **known: Any) -> Attempt:
        return Attempt(
            attempt_id=self.attempt_id,
            call_id=self._call.call_id,
            ts=time.time(),
            role=Role.SERVE,
            who=Who.TEACHER,
            served=True,
            model=self._call.model,
            upstream=self._upstream.name,
            started=self._call.ts,
            duration_ms=1000 * (time.monotonic() - self._began),
            **known,
        )


def guess(status: int, usage: Usage, size: int) -> float:
    """Give what an answer of unknown price is charged, in US dollars: a budget that counts nothing binds nobody.

    `size` is that of request and answer together, in bytes.
    """
    if status >= REFUSED:
        return 0.0
    tokens = (usage.prompt_tokens or 0) + (usage.completion_tokens or 0)
    return UNKNOWN_USD * (tokens or size / BYTES_PER_TOKEN)


@dataclass(frozen=True, kw_only=True, slots=True)
class _Asked:
    """What a request says of itself. An erasure finds it by the app's user, or the app's calls, that it names."""

    model: str
    user: str | None
    about: str | None  # ids of calls


def _asked(body: bytes, about: str | None) -> _Asked:
    if len(body) > MOST:
        raise Refusal(413, "The request is too large.", code="request_too_large")
    try:
        asked = json.loads(body)
    except ValueError as error:
        raise Refusal(400, "The request is not valid JSON.", code="invalid_json") from error
    model = asked.get("model") if isinstance(asked, dict) else None
    if not isinstance(model, str) or asked.get("stream"):
        raise Refusal(400, "A model is needed, and no stream.", code="invalid_request_error")
    user = asked.get("safety_identifier") or asked.get("user")
    return _Asked(model=model, user=user if isinstance(user, str) and user else None, about=about)


def _refusal(status: int, sentence: str, code: str) -> JSONResponse:
    error = {"message": sentence, "type": "invalid_request_error", "param": None, "code": code}
    return JSONResponse({"error": error}, status)
