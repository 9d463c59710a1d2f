"""The canonical trace of a call: a chat request and the completion that answers it, whatever the surface.

Pure; knows no bytes, no log and no route.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from gateway.translate import Untranslatable, completions, messages, responses
from gateway.translate.fields import Object
from gateway.translate.responses import chain

CHAT = "chat"
STATE = (chain.PREVIOUS, "conversation")  # what a response goes on from, at the provider


class _Translation(Protocol):
    def request(self, body: Object) -> Object: ...

    def completion(self, answer: Object) -> Object: ...


_TRANSLATIONS: dict[str, _Translation] = {
    "completions": completions,
    "messages": messages,
    "responses": responses,
}
UNDERSTOOD = frozenset({CHAT, *_TRANSLATIONS})


def request(surface: str, body: Object) -> Object:
    """Give the chat request that a surface's request means. Raises `Untranslatable`."""
    return body if surface == CHAT else _translation(surface).request(body)


def completion(surface: str, answer: Object) -> Object:
    """Give the chat completion that a surface's finished answer means. Raises `Untranslatable`."""
    return answer if surface == CHAT else _translation(surface).completion(answer)


def alone(surface: str, body: Object) -> Object:
    """Give a request as if it went on from nothing: its head is the same, its tail is not all that was said."""
    return (
        {name: said for name, said in body.items() if name not in STATE} if surface == "responses" else body
    )


def previous(surface: str, body: Object) -> str | None:
    """Give the id of the answer that a request goes on from at the provider. Raises `Untranslatable`."""
    return chain.previous(body) if surface == "responses" else None


def resumed(surface: str, body: Object, before: Sequence[tuple[Object, Object]]) -> Object:
    """Give a request with all that was said before it. Raises `Untranslatable`."""
    return chain.resumed(body, before) if surface == "responses" else body


def _translation(surface: str) -> _Translation:
    try:
        return _TRANSLATIONS[surface]
    except KeyError:
        raise Untranslatable("opaque") from None
