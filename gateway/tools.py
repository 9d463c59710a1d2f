"""Whether a student's tool calls are those that the request allows. Pure; knows no upstream."""

from __future__ import annotations

from typing import Any

from gateway import canonical, schema

Object = dict[str, Any]


def problem(message: Object, request: Object) -> str | None:
    """Give one sentence about what is wrong with a message's calls, or with their absence; None for nothing."""
    calls = _calls(message)
    must, allowed = _choice(request)
    if not calls:
        return "The answer calls no tool, which the request requires." if must else None
    if len(calls) > 1 and request.get("parallel_tool_calls") is False:
        return "The answer calls tools in parallel, which the request forbids."
    offered = _offered(request)
    for call in calls:
        wrong = _call(call, {name: offered[name] for name in offered if allowed is None or name in allowed})
        if wrong:
            return wrong
    return None


def _calls(message: Object) -> list[Any]:
    """Give the functions that are called, of whatever shape."""
    if isinstance(message.get("function_call"), dict):
        return [message["function_call"]]
    calls = message.get("tool_calls") or []
    if not isinstance(calls, list):
        return [None]
    return [call.get("function") if isinstance(call, dict) else None for call in calls]


def _call(function: Any, offered: dict[str, Any]) -> str | None:
    if not isinstance(function, dict) or not isinstance(function.get("name"), str):
        return "A tool call names no function."
    if function["name"] not in offered:
        return "A tool call names a function that the request does not allow."
    try:
        arguments = canonical.loads(str(function.get("arguments") or "{}").encode())
    except (ValueError, RecursionError):
        return "A tool call's arguments are not JSON."
    if not isinstance(arguments, dict):
        return "A tool call's arguments are not a JSON object."
    parameters = offered[function["name"]]
    return None if parameters is None else schema.broken(arguments, parameters)


def _offered(request: Object) -> dict[str, Any]:
    """Give the parameters' schema of each function by name."""
    tools = [tool.get("function") for tool in _objects(request.get("tools"))]
    functions = [one for one in (*tools, *_objects(request.get("functions"))) if isinstance(one, dict)]
    return {one["name"]: one.get("parameters") for one in functions if isinstance(one.get("name"), str)}


def _choice(request: Object) -> tuple[bool, frozenset[str] | None]:
    """Tell whether a call must come, and of which functions one may; None for any."""
    said = request.get("tool_choice") or request.get("function_call")
    if not isinstance(said, dict):
        return said == "required", frozenset() if said == "none" else None
    allowed = said.get("allowed_tools")
    if isinstance(allowed, dict):
        names = [tool.get("function") for tool in _objects(allowed.get("tools"))]
        return allowed.get("mode") == "required", _names(names)
    return True, _names([said.get("function", said)])


def _names(functions: list[Any]) -> frozenset[str]:
    found = [function.get("name") for function in functions if isinstance(function, dict)]
    return frozenset(name for name in found if isinstance(name, str))


def _objects(value: Any) -> list[Object]:
    return [one for one in value if isinstance(one, dict)] if isinstance(value, list) else []
