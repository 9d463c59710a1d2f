"""Whether a student's answer may go out, before its first byte does. Pure; knows no upstream."""

from __future__ import annotations

from typing import Any

import msgspec

from gateway import schema, tools

_FINISHED = frozenset({"stop", "tool_calls", "function_call"})


def problem(completion: dict[str, Any] | None, request: dict[str, Any]) -> str | None:
    """Give one sentence about what is wrong with a whole answer to `request`, or None."""
    choices = (completion or {}).get("choices")
    if not isinstance(choices, list) or not choices:
        return "The answer is not a chat completion."
    if len(choices) < (request.get("n") or 1):
        return "The answer has fewer choices than asked for."
    for choice in choices:
        wrong = _choice(choice, request)
        if wrong:
            return wrong
    return None


def _choice(choice: Any, request: dict[str, Any]) -> str | None:
    message = choice.get("message") if isinstance(choice, dict) else None
    if not isinstance(message, dict):
        return "A choice of the answer has no message."
    reason = choice.get("finish_reason")
    if not isinstance(reason, str) or reason not in _FINISHED:
        return f"The answer did not finish (finish_reason {str(reason)[:20]!r})."
    wrong = tools.problem(message, request)
    if wrong or message.get("tool_calls") or message.get("function_call"):
        return wrong
    content = message.get("content")
    if not isinstance(content, str) or not content.strip():
        return "The answer is empty."
    return _formatted(content, request.get("response_format"))


def _formatted(content: str, wanted: Any) -> str | None:
    kind = wanted.get("type") if isinstance(wanted, dict) else None
    if kind not in ("json_object", "json_schema"):  # a tuple: an app may send what has no hash
        return None
    try:
        value = msgspec.json.decode(content)
    except (ValueError, RecursionError):
        return "The answer is not the JSON that was asked for."
    if kind == "json_object":
        return None if isinstance(value, dict) else "The answer is not a JSON object."
    spec = wanted.get("json_schema")
    wanted = spec.get("schema") if isinstance(spec, dict) else None
    return None if wanted is None else schema.broken(value, wanted)
