"""Parts the body of a chat request; what it cannot part, it says so. Knows no storage and no route.

Most bodies are laid out as a JSON writer lays them out, and `store.plain` parts them in C. `exactly` takes
whatever a JSON parser takes: it finds the spans itself, value by value, and is the measure of the other.
"""

from __future__ import annotations

import json
import re
from typing import Any

from store import plain
from store.prompt import HEAD_KEYS, Split, cut, head_hash, input_hash, leading, prompt_hash

_BLANK = re.compile(r"[ \t\n\r]*")
_scan = json.JSONDecoder().raw_decode  # parses one value at an index: (value, end)


def split(body: bytes) -> Split | None:
    """Part a request body; None where it is not one JSON object in UTF-8."""
    return plain.split(body) or exactly(body)


def exactly(body: bytes) -> Split | None:
    """Part a request body of any layout."""
    try:
        text = body.decode()
        request, spans = _members(text)
    except (ValueError, RecursionError):
        return None
    tail, cuts, pieces = cut(text, spans)
    return Split(
        head_hash=head_hash(request),
        prompt_hash=prompt_hash(pieces),
        pieces=pieces,
        cuts=cuts,
        tail=tail,
        input_hash=input_hash(request),
    )


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
            spans[key] = [(start, position)] if key in HEAD_KEYS and request[key] is not None else []
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
