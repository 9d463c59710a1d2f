"""Chunks of chat and of text completions folded into the completion they spell. Knows no bytes and no events.

Nothing that a chunk says is lost: parallel tool calls keep id, name and arguments by index, log
probabilities add up, unknown members are merged by their type.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from gateway.capture.merge import merge

CHAT = "chat.completion"
TEXT = "text_completion"
_FIRST = frozenset({"id", "created"})
_CHUNK_ONLY = frozenset({"choices", "object", "obfuscation", "usage"})


def fold(chunks: Iterable[dict[str, Any]], kind: str = CHAT) -> dict[str, Any] | None:
    """Give the completion object (`kind` is its "object"), or None where no chunk had the shape of one."""
    completion: dict[str, Any] = {}
    choices: dict[int, dict[str, Any]] = {}
    usage, envelope = None, None
    for chunk in chunks:
        parts = chunk.get("choices")
        if not isinstance(parts, list):
            continue
        around = {key: value for key, value in chunk.items() if key not in _CHUNK_ONLY}
        if around != envelope:  # of most chunks it is that of the one before
            envelope = around
            completion.setdefault("object", kind)
            for key, value in around.items():
                # The first id of a completion is kept, and the last of everything else that says something.
                if key not in completion or (key not in _FIRST and value not in (None, "")):
                    completion[key] = value
        usage = chunk.get("usage") or usage
        for part in parts:
            if isinstance(part, dict):
                _add(choices, part, kind)
    if not completion:
        return None
    completion["choices"] = [_finished(choices[index]) for index in sorted(choices)]
    if usage is not None:
        completion["usage"] = usage
    return completion


def _add(choices: dict[int, dict[str, Any]], part: dict[str, Any], kind: str) -> None:
    said = part.get("index")
    index = said if isinstance(said, int) else 0
    choice = choices.get(index)
    if choice is None:
        choice = choices[index] = {"index": index, **_begun(kind), "finish_reason": None}
    for key, value in part.items():
        if key == "delta" and isinstance(value, dict):
            merge(choice["message"], value)
        elif key == "logprobs" and isinstance(value, dict):
            logprobs = choice.get("logprobs")
            choice["logprobs"] = merge(logprobs if isinstance(logprobs, dict) else {}, value)
        elif key == "message" and not isinstance(value, dict):
            continue
        elif key == "text" and kind == TEXT:
            choice["text"] += value if isinstance(value, str) else ""
        elif value is not None and key not in {"index", "delta"}:
            choice[key] = value


def _begun(kind: str) -> dict[str, Any]:
    if kind == TEXT:
        return {"text": "", "logprobs": None}
    return {"message": {"role": "assistant", "content": None}}


def _place(call: Any) -> int:
    index = call.get("index") if isinstance(call, dict) else None
    return index if isinstance(index, int) else 0


def _finished(choice: dict[str, Any]) -> dict[str, Any]:
    calls = choice.get("message", {}).get("tool_calls")
    if isinstance(calls, list):
        calls.sort(key=_place)
        for call in calls:
            if isinstance(call, dict):
                call.pop("index", None)
    return choice
