"""A whole text cut into the small pieces that a model would have streamed. Knows no tokenizer."""

from __future__ import annotations

import re
from typing import Any

_WORD = re.compile(r"\s*(?:\w+|[^\w\s]+)|\s+")


def pieces(text: str) -> list[str]:
    """Cut at words and marks; joined, the pieces are `text`."""
    return _WORD.findall(text)


def with_logprobs(text: str, logprobs: list[Any]) -> list[tuple[str, list[Any]]]:
    """Cut into tokens where `logprobs` spell the text, else give all of them with the first word."""
    tokens = [entry.get("token") if isinstance(entry, dict) else None for entry in logprobs]
    if tokens and all(isinstance(token, str) for token in tokens) and "".join(map(str, tokens)) == text:
        return [(str(token), [entry]) for token, entry in zip(tokens, logprobs, strict=True)]
    return [(piece, [] if at else logprobs) for at, piece in enumerate(pieces(text))]
