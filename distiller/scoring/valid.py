"""Says whether an answer is one that its request could accept. Pure: knows no reference."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import jsonschema

from distiller.scoring import message as read
from distiller.scoring.shape import Shape


def invalid(request: Mapping[str, Any], answer: Mapping[str, Any] | None, shape: Shape) -> str | None:
    """Return why an answer is not valid, in a few words that recur; None for a valid one."""
    if answer is None:
        return "no message"
    if answer.get("refusal"):
        return "refused"
    calls = read.tool_calls(answer)
    if calls:
        return _bad_calls(request, calls)
    if not read.text(answer).strip():
        return "empty"
    if shape is Shape.TOOL_CALL:
        return "no tool call"
    return _bad_document(request, answer, shape)


def _bad_calls(request: Mapping[str, Any], calls: tuple[read.ToolCall, ...]) -> str | None:
    offered = _offered(request)
    if any(call.arguments is None for call in calls):
        return "tool arguments are not JSON"
    if any(call.name not in offered for call in calls):
        return "a tool that was not offered"
    return None


def _offered(request: Mapping[str, Any]) -> set[str]:
    """Return the names of the tools that a request offers."""
    tools = [t.get("function") for t in request.get("tools") or [] if isinstance(t, dict)]
    functions = [*tools, *(request.get("functions") or [])]
    return {str(f.get("name")) for f in functions if isinstance(f, dict)}


def _bad_document(request: Mapping[str, Any], answer: Mapping[str, Any], shape: Shape) -> str | None:
    schema = _schema(request)
    document = read.document(answer)
    if document is None and (shape is Shape.FIELDS or schema is not None):
        return "not JSON"
    if schema is None:
        return None
    try:
        jsonschema.validate(document, schema)
    except jsonschema.ValidationError:
        return "against its schema"
    except jsonschema.SchemaError:
        return None  # the app's own schema is broken: no reason to refuse the answer
    return None


def _schema(request: Mapping[str, Any]) -> Mapping[str, Any] | None:
    """Return the JSON schema that a request asks its answer to follow."""
    wanted = request.get("response_format")
    inner = wanted.get("json_schema") if isinstance(wanted, dict) else None
    schema = inner.get("schema") if isinstance(inner, dict) else None
    return schema if isinstance(schema, dict) else None
