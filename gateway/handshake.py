"""A websocket's handshake with an app: what it offers, and how it is told no. Knows no upstream."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from gateway import headers as head
from gateway.inbound import Inbound, Message, Scope, Send, inbound

_CREDENTIAL = "openai-insecure-api-key."
_SAID_AS = {  # browsers can set no header on a websocket, so OpenAI takes these as subprotocols
    _CREDENTIAL: b"authorization",
    "openai-organization.": b"openai-organization",
    "openai-project.": b"openai-project",
}
_FORBIDDEN = 1008
_RESPONSES = "websocket.http.response"


@dataclass(frozen=True, kw_only=True, slots=True)
class Handshake:
    """What an app asks for. A credential that was said as a subprotocol is a header of `request` instead."""

    request: Inbound
    subprotocols: tuple[str, ...]
    answers: bool  # the server in front can say no in HTTP


def read(scope: Scope) -> Handshake:
    """Read an ASGI websocket scope."""
    request = inbound(scope)
    said, kept = list(request.headers), []
    for offered in scope.get("subprotocols") or ():
        prefix = next((prefix for prefix in _SAID_AS if offered.startswith(prefix)), None)
        if prefix is None:
            kept.append(offered)
        elif head.value(request.headers, _SAID_AS[prefix]) is None:
            scheme = "Bearer " if prefix == _CREDENTIAL else ""
            value = scheme + offered.removeprefix(prefix)
            said.append((_SAID_AS[prefix], value.encode("latin-1", "replace")))
    return Handshake(
        request=replace(request, headers=tuple(said)),
        subprotocols=tuple(kept),
        answers=_RESPONSES in (scope.get("extensions") or {}),
    )


def as_http(handshake: Handshake, send: Send) -> Send:
    """Give a `send` for an answer over HTTP, which is a no; where the server cannot say it, 1008 stands for it."""

    async def sending(message: Message) -> None:
        if handshake.answers:
            await send({**message, "type": f"websocket.{message['type']}"})
        elif message["type"] == "http.response.start":
            await send({"type": "websocket.close", "code": _FORBIDDEN})

    return sending


def accepting(subprotocol: str | None, headers: Sequence[tuple[bytes, bytes]]) -> Message:
    """Give the yes, with the upstream's headers less what the handshake itself is made of."""
    kept = [pair for pair in headers if not pair[0].startswith(b"sec-websocket-")]
    return {"type": "websocket.accept", "subprotocol": subprotocol, "headers": kept}
