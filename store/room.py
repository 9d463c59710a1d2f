"""How many tokens a request takes, estimated from its bytes. Pure; knows no tokenizer and no student."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

_BYTES_PER_TOKEN = 3  # on the safe side for English text and JSON
_PER_MESSAGE = 8  # tokens that a chat template adds
_ANSWER = 512  # tokens kept free for the answer, at most


def prompt(messages: Sequence[Mapping[str, Any]]) -> int:
    """Estimate the tokens of messages, from above."""
    size = sum(_size(message.get("content")) for message in messages)
    return size // _BYTES_PER_TOKEN + _PER_MESSAGE * len(messages)


def answer(request: Mapping[str, Any]) -> int:
    """Give the tokens that are kept free for the answer."""
    room = request.get("max_completion_tokens") or request.get("max_tokens")
    return min(room, _ANSWER) if isinstance(room, int) else _ANSWER // 4


def _size(content: Any) -> int:
    if isinstance(content, str):
        return len(content.encode("utf-8", "replace"))
    if isinstance(content, list):
        return sum(_size(part.get("text")) for part in content if isinstance(part, dict))
    return 0
