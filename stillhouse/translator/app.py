"""`POST /<upstream>/v1/chat/completions`, as an OpenAI-compatible server answers it. Plain ASGI; knows no litellm.

Who hangs up cancels the provider's call. An error before the first piece of a stream keeps its status; one after it is an
error event, and the stream has no end mark.
"""

from __future__ import annotations

import asyncio
import hmac
import logging
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import suppress
from typing import Any
from urllib.parse import unquote

import msgspec

from gateway import echo
from gateway.inbound import Receive, Scope, Send
from stillhouse.translator import asgi
from stillhouse.translator.failures import Failure, of_error, refusal
from stillhouse.translator.target import Target, Unsaid

logger = logging.getLogger(__name__)
PATH = "/v1/chat/completions"
_DONE = b"data: [DONE]\n\n"
_EVENTS = b"text/event-stream"

Complete = Callable[..., Awaitable[Any]]  # litellm.acompletion


class Translator:
    """The ASGI app."""

    def __init__(self, targets: Mapping[str, Target], token: str, complete: Complete) -> None:
        self._targets = targets
        self._token = f"Bearer {token}".encode()
        self._complete = complete

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        if scope["type"] == "lifespan":
            await asgi.lifespan(receive, send)
            return
        body = await asgi.body(receive)
        if body is None:
            return
        work = asyncio.create_task(self._answer(scope, body, send))
        gone = asyncio.create_task(asgi.gone(receive))
        try:
            await asyncio.wait({work, gone}, return_when=asyncio.FIRST_COMPLETED)
        finally:
            gone.cancel()
            if not work.done():
                work.cancel()
            with suppress(asyncio.CancelledError):
                await work

    async def _answer(self, scope: Scope, body: bytes, send: Send) -> None:
        found = self._found(scope)
        if isinstance(found, Failure):
            await asgi.fail(send, found)
            return
        request = _object(body)
        if request is None:
            await asgi.fail(
                send, refusal(400, "The request is no JSON object, or too large.", code="invalid_json")
            )
            return
        try:
            arguments = found.arguments(request)
        except Unsaid as name:
            text = f"{name} cannot be said to the provider of {found.name}."
            await asgi.fail(send, refusal(400, text, code="unsupported_parameter", param=str(name)))
            return
        await self._exchange(found, arguments, send)

    def _found(self, scope: Scope) -> Target | Failure:
        if not hmac.compare_digest(dict(scope["headers"]).get(b"authorization", b""), self._token):
            return refusal(401, "This token is not known here.", code="invalid_api_key")
        name, _, rest = scope["path"].lstrip("/").partition("/")
        target = self._targets.get(unquote(name))
        if target is None or f"/{rest}" != PATH or scope["method"] != "POST":
            return refusal(
                404, "Providers behind litellm are asked for chat completions only.", code="unknown_url"
            )
        return target

    async def _exchange(self, target: Target, arguments: dict[str, Any], send: Send) -> None:
        """Call the provider. Whatever is raised there ends here, as an error of OpenAI's shape."""
        secrets = () if target.api_key is None else (target.api_key.encode(),)
        try:
            answer = await self._complete(**arguments)
            if not arguments.get("stream"):
                await asgi.whole(send, 200, _said(answer))
                return
            pieces = _honest(answer)
            first = await anext(pieces, None)
        except Exception as error:  # noqa: BLE001 - a provider's SDK may raise anything
            await asgi.fail(send, _told(target, error, secrets))
            return
        await _stream(send, _chained(first, pieces), lambda error: _told(target, error, secrets))


def _told(target: Target, error: Exception, secrets: tuple[bytes, ...]) -> Failure:
    """Log and say what went wrong, without the provider's key."""
    failure = of_error(error)
    body = echo.without(failure.body, secrets)
    logger.warning("%s: %d %s", target.name, failure.status, type(error).__name__)
    return Failure(status=failure.status, body=body, headers=failure.headers)


class _CutError(ConnectionError):
    """The provider's stream broke off, and litellm would have ended it in the provider's name."""

    status_code = 502
    message = "The provider's stream ended before its answer did."


async def _honest(answer: Any) -> AsyncIterator[Any]:
    """Give the pieces of a litellm stream, without the finish that it makes up where none came. Raises `_CutError`."""
    async for piece in answer:
        finished = any(getattr(choice, "finish_reason", None) for choice in getattr(piece, "choices", ()))
        if finished and not _finish_came(answer):
            raise _CutError
        yield piece


def _finish_came(answer: Any) -> bool:
    """Tell whether the provider itself said how its answer finished, as litellm's stream wrapper keeps it."""
    kept = ("received_finish_reason", "intermittent_finish_reason")
    return not hasattr(answer, kept[0]) or any(getattr(answer, name, None) is not None for name in kept)


async def _chained(first: Any, rest: AsyncIterator[Any]) -> AsyncIterator[Any]:
    if first is not None:
        yield first
        async for piece in rest:
            yield piece


async def _stream(send: Send, pieces: AsyncIterator[Any], told: Callable[[Exception], Failure]) -> None:
    await asgi.start(send, 200, ((b"content-type", _EVENTS),))
    try:
        async for piece in pieces:
            await asgi.piece(send, b"data: %s\n\n" % _said(piece))
        await asgi.piece(send, _DONE)
    except Exception as error:  # noqa: BLE001 - as before the first piece
        await asgi.piece(send, b"data: %s\n\n" % told(error).body)
    await asgi.piece(send, b"", more=False)


def _said(answer: Any) -> bytes:
    """Write an answer or a piece of one: litellm's nulls are left out but for the two that OpenAI writes, too."""
    plain = answer.model_dump(mode="json", exclude_none=True)
    for choice in plain.get("choices", ()):
        choice.setdefault("finish_reason", None)
        if "message" in choice:
            choice["message"].setdefault("content", None)
    return msgspec.json.encode(plain)


def _object(body: bytes) -> dict[str, Any] | None:
    try:
        value = msgspec.json.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return None
    return value if isinstance(value, dict) else None
