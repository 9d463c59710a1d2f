"""A request as its constant head and its own tail. Knows no storage, no route and no parser (`store.split`).

The head is what recurs between the calls of a task: the leading system/developer messages, `tools`,
`functions` and `response_format`. Its raw pieces are cut out byte-exactly, so that the log can keep
each once and still give back the request as the app sent it. Its hash is taken of the canonical form
of the parsed values: a request and a re-serialised copy of it have the same head, and so has the same
request on another surface, of which the chat request that it means is hashed.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import msgspec

from store.ids import digest

HEAD_ROLES = frozenset({"system", "developer"})
_PROMPT_DIGITS = 32
HEAD_KEYS = ("tools", "functions", "response_format")
# What cannot change the answer: left out of `input_hash`, so a retry has the hash of the first try.
INCIDENTAL = frozenset(
    {
        "user", "metadata", "stream", "stream_options", "store", "safety_identifier",
        "prompt_cache_key", "prompt_cache_retention", "service_tier",
    }
)  # fmt: skip


class Split(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """A request body in parts; `join(tail, cuts, pieces)` is the body. Made for each call that is loaded."""

    head_hash: str  # 64 hex digits, of the canonical head
    prompt_hash: str  # 32 hex digits, of the head and of the pieces as they were spelled
    pieces: tuple[str, ...]  # raw JSON text of the head's values, in the order of the body
    cuts: tuple[int, ...]  # index into `tail` (characters) before which each piece belongs
    tail: str  # the body without the pieces
    input_hash: str  # 64 hex digits, of the request less what cannot change the answer


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
    head.update((key, request[key]) for key in HEAD_KEYS if request.get(key) is not None)
    return digest(canonical(head))


def prompt_hash(head: str, pieces: Iterable[str]) -> str:
    """Return the hash (32 hex digits: what a UUID holds) of a head's hash and its raw pieces."""
    return digest(head.encode(), *(piece.encode() for piece in pieces))[:_PROMPT_DIGITS]


def input_hash(request: Mapping[str, Any]) -> str:
    """Return the hash (64 hex digits) of a request less what cannot change the answer."""
    messages = request.get("messages")
    rest = {key: value for key, value in request.items() if key not in HEAD_KEYS or value is None}
    if isinstance(messages, list):
        rest["messages"] = messages[leading(messages) :]
    return joint_hash(head_hash(request), rest)


def joint_hash(head: str, rest: dict[str, Any]) -> str:
    """Return the input's hash from that of its head and from what is not head of it, which is used up."""
    for name in INCIDENTAL.intersection(rest):
        del rest[name]
    return digest(head.encode(), canonical(rest))


def canonical(value: Any) -> bytes:
    """Write JSON with sorted keys and without blanks: equal values, equal bytes."""
    try:
        return msgspec.json.encode(value, order="sorted")
    except (ValueError, OverflowError):  # a lone surrogate, an int beyond 64 bits: slower, and as good
        return json.dumps(value, sort_keys=True, separators=(",", ":")).encode()


def cut(text: str, spans: Iterable[tuple[int, int]]) -> tuple[str, tuple[int, ...], tuple[str, ...]]:
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
