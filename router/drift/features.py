"""A request as a few hundred numbers that say which words it has, and none of them. Knows no test and no log.

Words, pairs of words and triples of letters of what was asked last, each hashed into one of 2,048 places, with a
few of the request's form. Digits count as one: ids and dates are no news.
"""

from __future__ import annotations

import re
import zlib
from collections.abc import Mapping, Sequence
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray

PLACES = 2048
Marks = NDArray[np.int32]
"""The places that one request fills, ascending."""

_MOST = 2000  # characters that are read: what is asked stands at an end
_WORD = re.compile(r"\w+")
_DIGITS = re.compile(r"\d+")


def text_of(request: Mapping[str, Any]) -> str:
    """Give what a chat request asks last: the text of its latest message of a user, its two ends where it is long."""
    messages = request.get("messages") or ()
    said = next((m for m in reversed(messages) if isinstance(m, Mapping) and m.get("role") == "user"), None)
    text = _text(said.get("content")) if said else ""
    return text if len(text) <= _MOST else f"{text[: _MOST // 2]} {text[-_MOST // 2 :]}"


def words_of(text: str) -> list[str]:
    """Give the words of a text in lower case, digits as 0."""
    return _WORD.findall(_DIGITS.sub("0", text.lower()))


def marks(request: Mapping[str, Any]) -> Marks:
    """Give the places that a request fills."""
    words = words_of(text_of(request))
    spaced = f" {' '.join(words)} "
    found = {
        *(f"w{word}" for word in words),
        *(f"p{one} {two}" for one, two in pairwise(words)),
        *(f"c{spaced[at : at + 3]}" for at in range(len(spaced) - 2)),
        f"l{len(words).bit_length()}",
        f"m{len(request.get('messages') or ()).bit_length()}",
    }
    return np.array(sorted({zlib.crc32(name.encode()) % PLACES for name in found}), dtype=np.int32)


def rarity(rows: Sequence[Marks]) -> NDArray[np.float32]:
    """Give what each place is worth: the log of one over the share of requests that fill it."""
    counts = np.zeros(PLACES)
    for row in rows:
        counts[row] += 1
    weights: NDArray[np.float32] = np.log((len(rows) + 1) / (counts + 0.5)).astype(np.float32)
    return weights


def _text(content: Any) -> str:
    if isinstance(content, str):
        return content
    parts = content if isinstance(content, list) else ()
    return " ".join(
        text for part in parts if isinstance(part, Mapping) and isinstance(text := part.get("text"), str)
    )
