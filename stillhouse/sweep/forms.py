r"""The bytes that a text can stand as in our files, and where a file has them. Knows no subject's meaning.

We write UTF-8, JSON with and without escapes, and JSON inside JSON (the arguments of a tool call). What an
app escaped in a way of its own (`\u0061` for `a`), packed or encrypted is not found.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from store import words

SHORTEST = 6  # bytes; what is shorter is found everywhere by chance
_CHUNK = 4 << 20
_HEX = re.compile(r"\\u[0-9a-f]{4}")
_BEFORE = re.compile(rf"{words.BEFORE}\Z".encode())
_AFTER = re.compile(words.AFTER.encode())


@dataclass(frozen=True, kw_only=True, slots=True)
class Found:
    """What a file has of the texts."""

    size: int  # bytes that were searched
    whole: int = 0  # places
    inside: int = 0  # places where it is a part of a longer word: `ann` in `anna`


def forms(text: str) -> frozenset[bytes]:
    """Return the text's forms; two of them are equal where there is nothing to escape."""
    once = {json.dumps(text)[1:-1], json.dumps(text, ensure_ascii=False)[1:-1]}
    once |= {_HEX.sub(lambda m: f"\\u{m[0][2:].upper()}", form) for form in once}
    twice = {json.dumps(form)[1:-1] for form in once}
    return frozenset(form.encode("utf-8", "surrogatepass") for form in {text, *once, *twice})


def searchable(texts: Iterable[str]) -> tuple[str, ...]:
    """Return those that are long enough to be looked for in bytes."""
    return tuple(text for text in texts if len(text.encode("utf-8", "surrogatepass")) >= SHORTEST)


class Search:
    """Looks for texts in files, in pieces: no file is held in memory whole."""

    def __init__(self, texts: Iterable[str]) -> None:
        self._forms = sorted({form for text in texts for form in forms(text)})
        self._longest = max(map(len, self._forms), default=0)

    def file(self, path: Path) -> Found:
        """Search one file. FileNotFoundError where it went away."""
        size = whole = inside = 0
        window, first = b"", 0
        with path.open("rb") as file:
            while True:
                piece = file.read(_CHUNK)
                size, window = size + len(piece), window + piece
                limit = len(window) - self._longest - 1 if piece else len(window)
                if (
                    limit > first
                ):  # what starts further on may go over the border: it waits for the next piece
                    for start, end in self._places(window, first, limit):
                        part = _part_of_a_word(window, start, end)
                        whole, inside = whole + (not part), inside + part
                    first = min(limit, words.LOOK_BACK)
                    window = window[limit - first :]
                if not piece:
                    return Found(size=size, whole=whole, inside=inside)

    def _places(self, window: bytes, first: int, limit: int) -> Iterator[tuple[int, int]]:
        for form in self._forms:
            start = window.find(form, first)
            while 0 <= start < limit:
                yield start, start + len(form)
                start = window.find(form, start + 1)


def _part_of_a_word(window: bytes, start: int, end: int) -> bool:
    """Tell whether a letter or digit stands before or after.

    Not of a long text: in the journal its length may stand before it as a letter.
    """
    if end - start >= words.LONG:
        return False
    alone = _BEFORE.search(window[max(start - words.LOOK_BACK, 0) : start]) is not None
    return not (alone and _AFTER.match(window[end : end + 1]))
