"""A chat request, parsed only as far as it must be known. Knows no route and no credential.

Fields of the wrong type are left to the upstream, whose own error the app shall see; only what is no JSON
object at all is refused here.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import msgspec

from gateway import canonical, surgery
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


@dataclass(frozen=True)
class Asked:
    """What a chat request asks for. `body` is exact, after content-decoding."""

    body: bytes = field(repr=False)
    model: str
    stream: bool
    task_name: str | None
    conversation: str | None
    user: str | None
    head: dict[str, Any] = field(repr=False)  # constant part: model, leading messages, tools, formats
    head_messages: int  # how many messages the head has
    opening: str  # hash of the messages up to and including the first user message

    @cached_property
    def request(self) -> dict[str, Any]:
        """The whole request, parsed on first use."""
        request: dict[str, Any] = canonical.loads(self.body)
        return request


def parse(body: bytes, *, max_depth: int) -> Asked:
    """Read a chat request. Raises `Refusal` (400) where it is not a JSON object or nested too deeply."""
    wire = _decode(body, max_depth)
    metadata = wire.metadata if isinstance(wire.metadata, dict) else {}
    try:
        opening, count = _opening(wire.messages)
        head = {
            "model": wire.model,
            "messages": opening[:count],
            "tools": canonical.loads(wire.tools),
            "functions": canonical.loads(wire.functions),
            "response_format": canonical.loads(wire.response_format),
        }
    except ValueError as error:
        raise _not_json(error) from error
    return Asked(
        body=body,
        model=canonical.clean(wire.model) if isinstance(wire.model, str) else "",
        stream=wire.stream is True,
        task_name=_text(metadata.get("task")),
        conversation=_text(metadata.get("conversation_id")),
        user=_text(wire.safety_identifier) or _text(wire.user),
        head={key: value for key, value in head.items() if value is not None},
        head_messages=count,
        opening=hashlib.sha256(canonical.dumps(opening)).hexdigest(),
    )


def _decode(body: bytes, max_depth: int) -> _Body:
    too_deep = body.count(b"{") + body.count(b"[") > max_depth and surgery.depth(body) > max_depth
    if too_deep:
        raise Refusal(
            400, f"The request's JSON is nested deeper than {max_depth} levels.", code="json_too_deep"
        )
    try:
        if not body.isascii():
            body.decode()
        return msgspec.json.decode(body, type=_Body)
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


def _opening(raw: msgspec.Raw) -> tuple[list[Any], int]:
    """Give the messages up to the first user message, and how many of them are the head."""
    try:
        messages = msgspec.json.decode(raw, type=list[msgspec.Raw])
    except msgspec.DecodeError:
        given = canonical.loads(raw)
        if not isinstance(given, list):
            return [], 0  # the upstream will say so
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
    return opening, head


def _text(value: Any) -> str | None:
    return canonical.clean(value) if isinstance(value, str) and value else None
