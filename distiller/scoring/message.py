"""Reads assistant messages: their text, their JSON, their tool calls. Knows no metric."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

_FENCE = re.compile(r"\A\s*```(?:json)?\s*\n(.*?)\n?\s*```\s*\Z", re.DOTALL)


@dataclass(frozen=True, kw_only=True, slots=True)
class ToolCall:
    """One call of a tool; `arguments` is None where they are not a JSON object."""

    name: str
    arguments: dict[str, Any] | None


def of_completion(completion: Mapping[str, Any] | None) -> dict[str, Any] | None:
    """Return the first choice's message of a completion object."""
    choices = (completion or {}).get("choices")
    first = choices[0] if isinstance(choices, list) and choices else None
    message = first.get("message") if isinstance(first, dict) else None
    return message if isinstance(message, dict) else None


def text(message: Mapping[str, Any]) -> str:
    """Return the text of a message, parts joined; "" where there is none."""
    content = message.get("content")
    if isinstance(content, str):
        return content
    parts = content if isinstance(content, list) else []
    return "".join(str(p.get("text") or "") for p in parts if isinstance(p, dict))


def document(message: Mapping[str, Any]) -> dict[str, Any] | list[Any] | None:
    """Return the JSON object or array that the text is, a code fence around it allowed; else None."""
    content = text(message)
    fenced = _FENCE.match(content)
    try:
        value = json.loads(fenced.group(1) if fenced else content)
    except (ValueError, RecursionError):
        return None
    return value if isinstance(value, dict | list) else None


def tool_calls(message: Mapping[str, Any]) -> tuple[ToolCall, ...]:
    """Return the tool calls of a message, a legacy `function_call` included."""
    calls = message.get("tool_calls")
    functions = [c.get("function") for c in calls if isinstance(c, dict)] if isinstance(calls, list) else []
    if not functions and isinstance(message.get("function_call"), dict):
        functions = [message["function_call"]]
    return tuple(
        ToolCall(name=str(f.get("name") or ""), arguments=_arguments(f.get("arguments")))
        for f in functions
        if isinstance(f, dict)
    )


def corrected(correction: str, answer: Mapping[str, Any] | None) -> dict[str, Any]:
    """Return the assistant message that a user's correction stands for.

    A correction of tool calls may be given as a JSON object with `tool_calls`; anything else is text.
    """
    if answer is not None and tool_calls(answer):
        value = document({"content": correction})
        if isinstance(value, dict) and tool_calls(value):
            return {"role": "assistant", "content": None, **value}
    return {"role": "assistant", "content": correction}


def _arguments(value: Any) -> dict[str, Any] | None:
    if isinstance(value, dict):
        return value
    try:
        parsed = json.loads(value) if isinstance(value, str) and value.strip() else {}
    except (ValueError, RecursionError):
        return None
    return parsed if isinstance(parsed, dict) else None
