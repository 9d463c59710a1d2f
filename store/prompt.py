"""Parts a chat request into its constant head and its own tail. Knows no storage and no route.

The head is what recurs between the calls of a task: the leading system/developer messages, `tools`,
`functions` and `response_format`. Its raw pieces are cut out byte-exactly, so that the log can keep
each once and still give back the request as the app sent it. Its hash is taken of the canonical form
of the parsed values: a request and a re-serialised copy of it have the same head.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import msgspec

from store.ids import digest

HEAD_ROLES = frozenset({"system", "developer"})
_HEAD_KEYS = ("tools", "functions", "response_format")
# What cannot change the answer: left out of `input_hash`, so a retry has the hash of the first try.
_INCIDENTAL = frozenset(
    {
        "user", "metadata", "stream", "stream_options", "store", "safety_identifier",
        "prompt_cache_key", "prompt_cache_retention", "service_tier",
    }
)  # fmt: skip
_BLANK = re.compile(r"[ \t\n\r]*")
_scan = json.JSONDecoder().raw_decode  # parses one value at an index: (value, end)


@dataclass(frozen=True, kw_only=True, slots=True)
class Split:
    """A request body in parts; `join(tail, cuts, pieces)` is the body."""

    head_hash: str  # 64 hex digits, of the canonical head
    pieces: tuple[str, ...]  # raw JSON text of the head's values, in the order of the body
    cuts: tuple[int, ...]  # index into `tail` (characters) before which each piece belongs
    tail: str  # the body without the pieces
    input_hash: str  # 64 hex digits, of the request less what cannot change the answer


def split(body: bytes) -> Split | None:
    """Part a request body; None where it is not one JSON object in UTF-8."""
    try:
        text = body.decode()
        request, spans = _members(text)
    except (ValueError, RecursionError):
        return None
    tail, cuts, pieces = _cut(text, spans)
    return Split(
        head_hash=head_hash(request),
        pieces=pieces,
        cuts=cuts,
        tail=tail,
        input_hash=input_hash(request),
    )


def join(tail: str, cuts: Sequence[int], pieces: Sequence[str]) -> bytes:
    """Put a split body together again, byte for byte."""
    parts: list[str] = []
    start = 0
    for cut, piece in zip(cuts, pieces, strict=True):
        parts += (tail[start:cut], piece)
        start = cut
    parts.append(tail[start:])
    return "".join(parts).encode()


def leads(role: Any) -> bool:
    """Tell whether a role, of whatever type an app sends, is one of those that open a conversation."""
    return isinstance(role, str) and role in HEAD_ROLES


def leading(messages: Any) -> int:
    """Return how many messages, from the first, are the system's or developer's."""
    if not isinstance(messages, list):
        return 0
    for index, message in enumerate(messages):
        if not (isinstance(message, dict) and leads(message.get("role"))):
            return index
    return len(messages)


def head_hash(request: Mapping[str, Any]) -> str:
    """Return the hash (64 hex digits) of a parsed request's head; null and absent are the same."""
    messages = request.get("messages")
    head: dict[str, Any] = {"messages": messages[: leading(messages)] if isinstance(messages, list) else []}
    head.update((key, request[key]) for key in _HEAD_KEYS if request.get(key) is not None)
    return digest(_canonical(head))


def input_hash(request: Mapping[str, Any]) -> str:
    """Return the hash (64 hex digits) of a request less what cannot change the answer."""
    return digest(_canonical({key: value for key, value in request.items() if key not in _INCIDENTAL}))


def _canonical(value: Any) -> bytes:
    try:
        return msgspec.json.encode(value, order="sorted")
    except (ValueError, OverflowError):  # a lone surrogate, an int beyond 64 bits: slower, and as good
        return json.dumps(value, sort_keys=True, separators=(",", ":")).encode()


def _cut(text: str, spans: list[tuple[int, int]]) -> tuple[str, tuple[int, ...], tuple[str, ...]]:
    """Take the spans (start, end) out of the text: tail, cuts, pieces."""
    kept: list[str] = []
    cuts: list[int] = []
    pieces: list[str] = []
    position = length = 0
    for start, end in sorted(spans):
        kept.append(text[position:start])
        length += start - position
        cuts.append(length)
        pieces.append(text[start:end])
        position = end
    kept.append(text[position:])
    return "".join(kept), tuple(cuts), tuple(pieces)


def _members(text: str) -> tuple[dict[str, Any], list[tuple[int, int]]]:
    """Parse an object and return it with the spans of its head; ValueError where it is not one.

    As in any JSON parser the last of equal keys wins, for the value and for the span.
    """
    request: dict[str, Any] = {}
    spans: dict[str, list[tuple[int, int]]] = {}
    position = _expect(text, 0, "{")
    if text[position : position + 1] == "}":
        _end(text, position + 1)
        return request, []
    while True:
        if text[position : position + 1] != '"':
            raise ValueError(f"expected a key at {position}")
        key, position = _scan(text, position)
        position = _expect(text, position, ":")
        if key == "messages" and text[position : position + 1] == "[":
            request[key], spans[key], position = _messages(text, position)
        else:
            start = position
            request[key], position = _scan(text, position)
            spans[key] = [(start, position)] if key in _HEAD_KEYS and request[key] is not None else []
        position = _blank(text, position)
        if text[position : position + 1] == "}":
            _end(text, position + 1)
            return request, [span for found in spans.values() for span in found]
        position = _expect(text, position, ",")


def _messages(text: str, position: int) -> tuple[list[Any], list[tuple[int, int]], int]:
    """Parse the array of messages: values, spans of the leading head messages, end."""
    values: list[Any] = []
    spans: list[tuple[int, int]] = []
    position = _expect(text, position, "[")
    if text[position : position + 1] == "]":
        return values, spans, position + 1
    while True:
        start = position
        value, position = _scan(text, position)
        values.append(value)
        if leading([value]) and len(spans) == len(values) - 1:
            spans.append((start, position))
        position = _blank(text, position)
        if text[position : position + 1] == "]":
            return values, spans, position + 1
        position = _expect(text, position, ",")


def _blank(text: str, position: int) -> int:
    if text[position : position + 1] > " ":
        return position
    found = _BLANK.match(text, position)
    return found.end() if found else position


def _expect(text: str, position: int, char: str) -> int:
    """Step over blanks, one given character and blanks."""
    position = _blank(text, position)
    if text[position : position + 1] != char:
        raise ValueError(f"expected {char!r} at {position}")
    return _blank(text, position + 1)


def _end(text: str, position: int) -> None:
    if _blank(text, position) != len(text):
        raise ValueError(f"more text at {position}")
