"""A request, parsed only as far as it must be known. Knows no route and no credential.

Fields of the wrong type are left to the upstream, whose own error the app shall see; only what is no JSON
object at all is refused here.
"""

from __future__ import annotations

import hashlib
import json
from functools import cached_property
from typing import Any

import msgspec

from gateway import canonical, surgery, trace
from gateway.errors import Refusal
from store.prompt import leads

_NULL = msgspec.Raw(b"null")
_RAW = ("messages", "tools", "functions", "response_format")


class _Body(msgspec.Struct):
    model: Any = None
    stream: Any = None
    messages: msgspec.Raw = _NULL
    tools: msgspec.Raw = _NULL
    functions: msgspec.Raw = _NULL
    response_format: msgspec.Raw = _NULL
    metadata: Any = None
    user: Any = None
    safety_identifier: Any = None


_BODY = msgspec.json.Decoder(_Body)
_MESSAGES = msgspec.json.Decoder(list[msgspec.Raw])


class Asked(msgspec.Struct, frozen=True, kw_only=True, dict=True):
    """What a request asks for, whatever its surface. `body` is exact, after content-decoding."""

    body: bytes
    chat: bytes  # the canonical chat request; on the surface `chat` the body itself
    model: str
    stream: bool
    task_name: str | None
    conversation: str | None
    user: str | None
    head: dict[str, Any]  # constant part: model, leading messages, tools, formats
    head_messages: int  # how many messages the head has
    opening: str  # hash of the messages up to and including the first user message
    opened: list[Any]  # those messages
    surface: str = trace.CHAT
    metadata: dict[str, Any] = msgspec.field(default_factory=dict)  # the request's own, on any surface
    barred: str | None = None  # why no student can be asked, in one word
    constant: bytes = b""  # digest of the bytes of the head; b"": not known
    understood: bool = True  # False: nothing is known of it but what stands here; head and chat are empty

    def __repr__(self) -> str:
        """Name the surface only: it holds what an app said."""
        return f"Asked({self.surface!r})"

    @property
    def beginning(self) -> dict[str, Any]:
        """The head with all messages up to and including the first user message."""
        return {**self.head, "messages": self.opened}

    @cached_property
    def request(self) -> dict[str, Any]:
        """The whole canonical request, parsed on first use."""
        try:
            request: dict[str, Any] = canonical.loads(self.chat)
        except ValueError:  # a whole number of thousands of digits, which is the upstream's to refuse
            request = json.loads(self.chat, parse_int=float)
        return request


def parse(body: bytes, *, max_depth: int) -> Asked:
    """Read a chat request. Raises `Refusal` (400) where it is not a JSON object or nested too deeply."""
    wire = _decode(body, max_depth)
    metadata = members(wire.metadata)
    try:
        raw, opening, count = _opening(wire.messages)
        found = {
            "model": wire.model,
            "messages": opening[:count],
            "tools": _value(wire.tools),
            "functions": _value(wire.functions),
            "response_format": _value(wire.response_format),
        }
        head = {key: value for key, value in found.items() if value is not None}
    except ValueError as error:
        raise _not_json(error) from error
    return Asked(
        body=body,
        chat=body,
        model=name_of(wire.model),
        stream=wire.stream is True,
        task_name=text(metadata.get("task")),
        conversation=text(metadata.get("conversation_id")),
        user=text(wire.safety_identifier) or text(wire.user),
        head=head,
        head_messages=count,
        opening=hashlib.sha256(canonical.dumps(opening)).hexdigest(),
        opened=opening,
        metadata=metadata,
        constant=_constant(wire, raw[:count]),
    )


def an_object(body: bytes, *, max_depth: int) -> dict[str, Any]:
    """Read all of a request. Raises `Refusal` (400) as `parse` does."""
    _check_depth(body, max_depth)
    try:
        given = canonical.loads(body)
    except (ValueError, RecursionError) as error:
        raise _not_json(error) from error
    if not isinstance(given, dict):
        raise _not_json(TypeError("expected an object"))
    return given


def name_of(model: Any) -> str:
    """Give a model's name as storable text, "" where it is none."""
    return canonical.clean(model) if isinstance(model, str) else ""


def text(value: Any) -> str | None:
    """Give what an app calls something by, as storable text; None where it is none."""
    return canonical.clean(value) if isinstance(value, str) and value else None


def members(value: Any) -> dict[str, Any]:
    """Give what an object says; nothing where it is none."""
    return value if isinstance(value, dict) else {}


def _check_depth(body: bytes, max_depth: int) -> None:
    if body.count(b"{") + body.count(b"[") > max_depth and surgery.deeper(body, max_depth):
        raise Refusal(
            400, f"The request's JSON is nested deeper than {max_depth} levels.", code="json_too_deep"
        )


def _decode(body: bytes, max_depth: int) -> _Body:
    _check_depth(body, max_depth)
    try:
        if not body.isascii():
            body.decode()
        return _BODY.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        lenient = _lenient(body)
        if lenient is None:
            raise _not_json(error) from error
        return lenient


def _lenient(body: bytes) -> _Body | None:
    """Read what only Python's reader takes: lone surrogates, which Python's writers do send."""
    try:
        given = json.loads(body, parse_constant=_no_constant)
    except (ValueError, RecursionError):
        return None
    if not isinstance(given, dict):
        return None
    fields = {name: given[name] for name in _Body.__struct_fields__ if name in given}
    raw = {name: msgspec.Raw(canonical.dumps(fields[name])) for name in _RAW if name in fields}
    return _Body(**{**fields, **raw})


def _no_constant(name: str) -> None:
    raise ValueError(f"{name} is not JSON")


def _not_json(error: Exception) -> Refusal:
    return Refusal(400, f"The request body is not a JSON object: {error}.", code="invalid_json")


def _constant(wire: _Body, leading: list[msgspec.Raw]) -> bytes:
    """Digest the head as it was sent; no JSON has the byte between its parts."""
    parts = (canonical.dumps(wire.model), wire.tools, wire.functions, wire.response_format, *leading)
    return hashlib.sha256(b"\0".join(parts)).digest()


def _value(raw: msgspec.Raw) -> Any:
    return None if raw is _NULL else canonical.loads(raw)


def _opening(raw: msgspec.Raw) -> tuple[list[msgspec.Raw], list[Any], int]:
    """Give the messages as they were sent, those up to the first user message, and how many of them are the head."""
    try:
        messages = _MESSAGES.decode(raw)
    except msgspec.DecodeError:
        given = canonical.loads(raw)
        if not isinstance(given, list):
            return [], [], 0  # the upstream will say so
        messages = [msgspec.Raw(canonical.dumps(message)) for message in given]
    opening: list[Any] = []
    head = 0
    for message in messages:
        value = canonical.loads(message)
        opening.append(value)
        role = value.get("role") if isinstance(value, dict) else None
        head += leads(role) and head == len(opening) - 1
        if role == "user":
            break
    return messages, opening, head
