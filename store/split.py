"""Parts the body of a request; what it cannot part, it says so. Knows no storage and no route.

Most chat bodies are laid out as a JSON writer lays them out, and `store.plain` parts them in C. `exactly` takes
whatever a JSON parser takes: it finds the spans itself, value by value, and is the measure of the other. Of the
other surfaces it knows where a head can stand; what it says in chat, it is told.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from typing import Any

from store import plain
from store.prompt import HEAD_KEYS, Split, cut, head_hash, input_hash, leading, prompt_hash
from store.trace import CHAT, ChatOnly, Object, Trace, told

_BLANK = re.compile(r"[ \t\n\r]*")
_scan = json.JSONDecoder().raw_decode  # parses one value at an index: (value, end)


@dataclass(frozen=True, slots=True)
class _Places:
    """Where in a request of a surface the pieces of its head stand."""

    keys: frozenset[str]  # members that are one whole
    listed: str | None = None  # the member whose leading system/developer elements are one each


_PLACES = {
    CHAT: _Places(frozenset(HEAD_KEYS), "messages"),
    "completions": _Places(frozenset()),
    "messages": _Places(frozenset({"system", "tools", "output_config"})),
    "responses": _Places(frozenset({"instructions", "tools", "text"}), "input"),
}
_CHAT_ONLY = ChatOnly()


def split(body: bytes, surface: str = CHAT, trace: Trace = _CHAT_ONLY) -> Split | None:
    """Part a request body; None where it is not one JSON object in UTF-8 that means a chat request."""
    return (plain.split(body) if surface == CHAT else None) or exactly(body, surface, trace)


def exactly(body: bytes, surface: str = CHAT, trace: Trace = _CHAT_ONLY) -> Split | None:
    """Part a request body of any layout."""
    places = _PLACES.get(surface)
    if places is None:
        return None
    try:
        text = body.decode()
        request, spans = _members(text, places)
        return _split(text, spans, request if surface == CHAT else _meant(surface, request, trace))
    except (ValueError, RecursionError):
        return None


def _meant(surface: str, request: Object, trace: Trace) -> Object:
    """Return the chat request, with what the request goes on from as it names it. Raises Untold."""
    alone = told(trace.alone, surface, request)
    state = {name: said for name, said in request.items() if name not in alone and said is not None}
    return {**told(trace.request, surface, alone), **state}


def _split(text: str, spans: list[tuple[int, int]], asked: Object) -> Split:
    tail, cuts, pieces = cut(text, spans)
    head = head_hash(asked)
    return Split(
        head_hash=head,
        prompt_hash=prompt_hash(head, pieces),
        pieces=pieces,
        cuts=cuts,
        tail=tail,
        input_hash=input_hash(asked),
    )


def _members(text: str, places: _Places) -> tuple[Object, list[tuple[int, int]]]:
    """Parse an object and return it with the spans of its head; ValueError where it is not one.

    As in any JSON parser the last of equal keys wins, for the value and for the span.
    """
    request: Object = {}
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
        if key == places.listed and text[position : position + 1] == "[":
            request[key], spans[key], position = _elements(text, position)
        else:
            start = position
            request[key], position = _scan(text, position)
            spans[key] = [(start, position)] if key in places.keys and request[key] is not None else []
        position = _blank(text, position)
        if text[position : position + 1] == "}":
            _end(text, position + 1)
            return request, [span for found in spans.values() for span in found]
        position = _expect(text, position, ",")


def _elements(text: str, position: int) -> tuple[list[Any], list[tuple[int, int]], int]:
    """Parse the array of messages or items: values, spans of those that lead it, end."""
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
