"""Whether a student's answer may go out, before its first byte does. Pure; knows no upstream."""

from __future__ import annotations

import re
from functools import lru_cache
from typing import Any

import jsonschema
import msgspec
import referencing
import referencing.exceptions

from gateway import canonical

_UNCHECKABLE = (
    jsonschema.SchemaError,
    referencing.exceptions.Unresolvable,
    re.error,
    ArithmeticError,
    RecursionError,
    TypeError,
    ValueError,
)
_UNCHECKED = "The JSON schema of the request cannot be checked here."
_FINISHED = frozenset({"stop", "tool_calls", "function_call"})


def problem(completion: dict[str, Any] | None, request: dict[str, Any]) -> str | None:
    """Give one sentence about what is wrong with a whole answer to `request`, or None."""
    choices = (completion or {}).get("choices")
    if not isinstance(choices, list) or not choices:
        return "The answer is not a chat completion."
    if len(choices) < (request.get("n") or 1):
        return "The answer has fewer choices than asked for."
    for choice in choices:
        wrong = _choice(choice, request.get("response_format"))
        if wrong:
            return wrong
    return None


def _choice(choice: Any, wanted: Any) -> str | None:
    message = choice.get("message") if isinstance(choice, dict) else None
    if not isinstance(message, dict):
        return "A choice of the answer has no message."
    reason = choice.get("finish_reason")
    if not isinstance(reason, str) or reason not in _FINISHED:
        return f"The answer did not finish (finish_reason {str(reason)[:20]!r})."
    if message.get("tool_calls"):
        return _calls(message["tool_calls"])
    content = message.get("content")
    if not isinstance(content, str) or not content.strip():
        return "The answer is empty."
    return _formatted(content, wanted)


def _calls(calls: Any) -> str | None:
    for call in calls if isinstance(calls, list) else [None]:
        function = call.get("function") if isinstance(call, dict) else None
        if not isinstance(function, dict) or not function.get("name"):
            return "A tool call names no function."
        try:
            canonical.loads(str(function.get("arguments") or "{}").encode())
        except ValueError:
            return "A tool call's arguments are not JSON."
    return None


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
    schema = spec.get("schema") if isinstance(spec, dict) else None
    return None if schema is None else _against(value, schema)


def _against(value: Any, schema: Any) -> str | None:
    if not isinstance(schema, dict | bool):
        return _UNCHECKED
    try:
        error = next(iter(_validator(canonical.dumps(schema)).iter_errors(value)), None)
    except _UNCHECKABLE:
        return _UNCHECKED
    return f"The answer breaks the JSON schema at {error.json_path[:80]}." if error else None


@lru_cache(maxsize=256)
def _validator(schema: bytes) -> Any:
    # An empty registry: a `$ref` in an app's schema never makes this process fetch anything.
    made = jsonschema.Draft202012Validator(canonical.loads(schema), registry=referencing.Registry())
    made.check_schema(made.schema)
    return made
