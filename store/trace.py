"""What the log asks of whoever understands the wire: calls of every surface, said in chat. Knows no wire format.

Reading a call gives its canonical trace (`docs/wire.md`); the log itself keeps bytes. It is told how by `stillhouse`;
left alone it understands chat, which says everything in chat already.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from typing import Any, ParamSpec, Protocol, TypeVar

_log = logging.getLogger(__name__)

CHAT = "chat"

Object = dict[str, Any]
T = TypeVar("T")
P = ParamSpec("P")


class Untold(ValueError):  # noqa: N818 - a finding, not a failure
    """Chat cannot say it. The text is why, in one snake_case word."""


class Trace(Protocol):
    """Says in chat what was said on a surface. Where it cannot, it raises ValueError with one snake_case word."""

    def request(self, surface: str, body: Object, /) -> Object:
        """Return the chat request that a request means."""

    def completion(self, surface: str, answer: Object, /) -> Object:
        """Return the chat completion that a finished answer means."""

    def alone(self, surface: str, body: Object, /) -> Object:
        """Return a request as if it went on from nothing that its upstream keeps."""

    def previous(self, surface: str, body: Object, /) -> str | None:
        """Return the id of the answer that a request goes on from; None where it has all with it."""

    def resumed(self, surface: str, body: Object, before: Sequence[tuple[Object, Object]], /) -> Object:
        """Return a request with all that was said before it: requests and their answers, oldest first."""


class ChatOnly:
    """Understands chat."""

    def request(self, surface: str, body: Object, /) -> Object:
        """Return the request itself."""
        return _chat(surface, body)

    def completion(self, surface: str, answer: Object, /) -> Object:
        """Return the completion itself."""
        return _chat(surface, answer)

    def alone(self, surface: str, body: Object, /) -> Object:
        """Return the request itself: chat has everything with it."""
        return _chat(surface, body)

    def previous(self, _surface: str, _body: Object, /) -> None:
        """Return None."""

    def resumed(self, surface: str, body: Object, _before: Sequence[tuple[Object, Object]], /) -> Object:
        """Return the request itself."""
        return _chat(surface, body)


def _chat(surface: str, said: Object) -> Object:
    if surface != CHAT:
        raise ValueError("opaque")
    return said


def told(say: Callable[P, T], *said: P.args, **more: P.kwargs) -> T:
    """Return what a method of a trace says. Raises Untold, whatever that raises: no call is lost for what reads it."""
    try:
        return say(*said, **more)
    except ValueError as error:
        raise Untold(str(error)) from error
    except RecursionError:
        raise Untold("too_deep") from None
    except Exception:  # noqa: BLE001 - what is handed in has bugs of its own
        _log.exception("what a call says in chat could not be told")
        raise Untold("unreadable") from None
