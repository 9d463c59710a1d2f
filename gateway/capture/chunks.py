"""Chat completion chunks folded into the completion they spell. Knows no bytes and no events.

Nothing that a chunk says is lost: parallel tool calls keep id, name and arguments by index, log
probabilities add up, unknown members are merged by their type.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

_ONCE = frozenset({"id", "type", "role", "index", "object", "name", "expires_at", "format"})
_CHUNK_ONLY = frozenset({"choices", "object", "obfuscation", "usage"})


def fold(chunks: Iterable[dict[str, Any]]) -> dict[str, Any] | None:
    """Give the completion object, or None where no chunk had the shape of one."""
    completion: dict[str, Any] = {}
    choices: dict[int, dict[str, Any]] = {}
    usage = None
    for chunk in chunks:
        if not isinstance(chunk.get("choices"), list):
            continue
        completion.setdefault("object", "chat.completion")
        completion.update(
            {k: v for k, v in chunk.items() if k not in _CHUNK_ONLY and _news(completion, k, v)}
        )
        usage = chunk.get("usage") or usage
        for part in chunk["choices"]:
            if isinstance(part, dict):
                _add(choices, part)
    if not completion:
        return None
    completion["choices"] = [_finished(choices[index]) for index in sorted(choices)]
    if usage is not None:
        completion["usage"] = usage
    return completion


def _news(completion: dict[str, Any], key: str, value: Any) -> bool:
    """Keep the first id of a completion, and the last of everything else that says something."""
    return key not in completion or (value not in (None, "") and key not in {"id", "created"})


def _add(choices: dict[int, dict[str, Any]], part: dict[str, Any]) -> None:
    index = part.get("index") if isinstance(part.get("index"), int) else 0
    choice = choices.setdefault(
        index or 0,
        {"index": index or 0, "message": {"role": "assistant", "content": None}, "finish_reason": None},
    )
    for key, value in part.items():
        if key == "delta" and isinstance(value, dict):
            _merge(choice["message"], value)
        elif key == "logprobs" and isinstance(value, dict):
            logprobs = choice.get("logprobs")
            choice["logprobs"] = _merge(logprobs if isinstance(logprobs, dict) else {}, value)
        elif key == "message" and not isinstance(value, dict):
            continue
        elif value is not None and key not in {"index", "delta"}:
            choice[key] = value


def _merge(into: dict[str, Any], delta: dict[str, Any]) -> dict[str, Any]:
    for key, value in delta.items():
        into[key] = _joined(key, into.get(key), value)
    return into


def _joined(key: str, old: Any, new: Any) -> Any:
    if old is None and isinstance(new, list):
        old = []
    if old is None and isinstance(new, dict):
        old = {}
    if new is None or old is None:
        return old if new is None else new
    if isinstance(old, str) and isinstance(new, str):
        return old or new if key in _ONCE else old + new
    if isinstance(old, dict) and isinstance(new, dict):
        return _merge(old, new)
    if isinstance(old, list) and isinstance(new, list):
        return _merge_lists(old, new)
    return new


def _merge_lists(old: list[Any], new: list[Any]) -> list[Any]:
    """Merge elements that carry an index into the one with the same; append the others."""
    for element in new:
        index = element.get("index") if isinstance(element, dict) else None
        twin = next((e for e in old if isinstance(e, dict) and e.get("index") == index), None)
        if index is None or twin is None:
            old.append(_merge({}, element) if isinstance(element, dict) else element)
        else:
            _merge(twin, element)
    return old


def _place(call: Any) -> int:
    index = call.get("index") if isinstance(call, dict) else None
    return index if isinstance(index, int) else 0


def _finished(choice: dict[str, Any]) -> dict[str, Any]:
    calls = choice["message"].get("tool_calls")
    if isinstance(calls, list):
        calls.sort(key=_place)
        for call in calls:
            if isinstance(call, dict):
                call.pop("index", None)
    return choice
