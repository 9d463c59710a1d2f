"""Members of foreign records, read leniently. Pure; knows no format."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from stillhouse.importing.found import Object, Unreadable

_MILLISECONDS = 1e11  # a time in seconds from here on lies in the year 5138
_LATEST = 253_402_300_799.0  # the end of the year 9999
_OPTIONS = frozenset(
    [
        "audio",
        "frequency_penalty",
        "function_call",
        "functions",
        "logit_bias",
        "logprobs",
        "max_completion_tokens",
        "max_tokens",
        "metadata",
        "modalities",
        "model",
        "n",
        "parallel_tool_calls",
        "prediction",
        "presence_penalty",
        "prompt_cache_key",
        "reasoning_effort",
        "response_format",
        "safety_identifier",
        "seed",
        "service_tier",
        "stop",
        "store",
        "temperature",
        "tool_choice",
        "tools",
        "top_logprobs",
        "top_p",
        "user",
        "verbosity",
        "web_search_options",
    ]
)


def options(value: Mapping[str, Any]) -> Object:
    """Give what of a record's members is a chat request's, but for the messages."""
    return {name: value[name] for name in value if name in _OPTIONS and value[name] is not None}


def parsed(value: Any) -> Any:
    """Give what a text says in JSON where it is an object or an array, else the value itself."""
    if isinstance(value, str) and value.lstrip()[:1] in {"{", "["}:
        try:
            return json.loads(value)
        except (ValueError, RecursionError):
            return value
    return value


def an_object(value: Any) -> Object:
    """Give an object, also one written as text; an empty one for anything else."""
    value = parsed(value)
    return value if isinstance(value, dict) else {}


def a_list(value: Any) -> list[Any]:
    """Give an array, also one written as text; an empty one for anything else."""
    value = parsed(value)
    return value if isinstance(value, list) else []


def text(value: Any) -> str | None:
    """Give a text that says something."""
    return value if isinstance(value, str) and value.strip() else None


def number(value: Any) -> float | None:
    """Give a number, also one written as text (CSV)."""
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        return None
    try:
        found = float(value)
    except (ValueError, OverflowError):
        return None
    return found if abs(found) < float("inf") else None


def count(value: Any) -> int | None:
    """Give a count of tokens."""
    found = number(value)
    return int(found) if found is not None and found >= 0 else None


def when(value: Any) -> float | None:
    """Give Unix seconds of a time: a number of seconds or milliseconds, or a text, UTC where it names no zone."""
    if isinstance(value, datetime):
        return _seconds(value)
    if (found := number(value)) is not None:
        found = found / 1000 if found >= _MILLISECONDS else found
        return found if 0 < found < _LATEST else None
    try:
        return _seconds(datetime.fromisoformat(value)) if isinstance(value, str) else None
    except ValueError:
        return None


def _seconds(value: datetime) -> float | None:
    try:
        found = (value if value.tzinfo else value.replace(tzinfo=UTC)).timestamp()
    except (OverflowError, ValueError):
        return None
    return found if found > 0 else None


def messages(value: Any) -> list[Object]:
    """Give the messages of a chat. Raises Unreadable."""
    found = a_list(value)
    if not found:
        raise Unreadable("it holds no messages")
    if not all(isinstance(one, dict) and text(one.get("role")) for one in found):
        raise Unreadable("a message has no role")
    return found


def completion(message: Object, *, model: str | None, **known: Any) -> Object:
    """Give a message of an assistant as the whole answer that it came in; of `known` what is not None."""
    finish = known.pop("finish_reason", None) or ("tool_calls" if message.get("tool_calls") else "stop")
    message = {"content": None, **message, "role": "assistant"}
    if not (
        message["content"]
        or message.get("tool_calls")
        or message.get("refusal")
        or "function_call" in message
    ):
        raise Unreadable("the answer is empty")
    return {
        "object": "chat.completion",
        **{name: value for name, value in known.items() if value is not None},
        "model": model or "",
        "choices": [{"index": 0, "finish_reason": finish, "message": message}],
    }


def usage(prompt: int | None, answer: int | None, cached: int | None = None) -> Object | None:
    """Give token counts as chat tells them; None where neither is known."""
    if prompt is None or answer is None:
        return None
    told: Object = {"prompt_tokens": prompt, "completion_tokens": answer, "total_tokens": prompt + answer}
    return told if cached is None else {**told, "prompt_tokens_details": {"cached_tokens": cached}}


def surface(answer: Object) -> str | None:
    """Tell of which surface an answer is, by its own word or its shape."""
    named = {"chat.completion": "chat", "text_completion": "completions", "response": "responses"}
    kind = answer.get("object")
    if isinstance(kind, str) and kind in named:
        return named[kind]
    if answer.get("type") == "message" and isinstance(answer.get("content"), list):
        return "messages"
    choices = answer.get("choices")
    first = choices[0] if isinstance(choices, list) and choices else None
    return "chat" if isinstance(first, dict) and isinstance(first.get("message"), dict) else None
