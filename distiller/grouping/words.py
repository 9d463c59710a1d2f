"""Reads the words of a prompt's head: shingles to compare it by, a slug to call it by. Knows no task."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator
from typing import Any

SHINGLE = 5  # characters
_SLUG_WORDS = 4
_SLUG_CHARS = 40
_TEXT_CHARS = 20_000  # of a head; what follows does not change what it is
_TEXTS = ("text", "input_text")  # types of parts
_FILLER = frozenset(
    re.findall(
        r"\w+",
        "a an and are as assistant be can expert for given helpful i in is it me of on or please task that the "
        "then this to will with you your",
    )
)


def text_of(head: Iterable[str]) -> str:
    """Return the readable text of a head's raw JSON pieces, lower case, blanks collapsed."""
    found = " ".join(" ".join(_strings(_parsed(piece))) for piece in head)
    return " ".join(found.lower().split())[:_TEXT_CHARS]


def shingles(text: str) -> frozenset[str]:
    """Return the overlapping pieces of SHINGLE characters; a shorter text is its own only piece."""
    if not text:
        return frozenset()
    return frozenset(text[i : i + SHINGLE] for i in range(max(1, len(text) - SHINGLE + 1)))


def jaccard(a: frozenset[str], b: frozenset[str]) -> float:
    """Return |a and b| / |a or b|, in [0, 1]; 0 where both are empty."""
    return len(a & b) / len(a | b) if a or b else 0.0


def slug(text: str, fallback: str = "task") -> str:
    """Return the first telling words as lower-case-with-dashes, `fallback` where there are none."""
    words = re.findall(r"[a-z0-9]+", text.lower())
    telling = [word for word in words if word not in _FILLER] or words
    return "-".join(telling[:_SLUG_WORDS])[:_SLUG_CHARS].strip("-") or fallback


def name_slug(name: str) -> str:
    """Return a name as a slug, every word kept."""
    return "-".join(re.findall(r"[a-z0-9]+", name.lower()))[:_SLUG_CHARS].strip("-") or "task"


def _parsed(piece: str) -> Any:
    try:
        return json.loads(piece)
    except ValueError:
        return piece


def _strings(value: Any) -> Iterator[str]:
    """Yield the texts in a JSON value, keys of objects included; of messages and their parts what they say alone."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, list):
        for item in value:
            yield from _strings(item)
    elif isinstance(value, dict) and "role" in value:
        yield from _strings(value.get("content"))
    elif isinstance(value, dict) and value.get("type") in _TEXTS and isinstance(value.get("text"), str):
        yield value["text"]
    elif isinstance(value, dict):
        for key, item in value.items():
            yield key
            yield from _strings(item)
