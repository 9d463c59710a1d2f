"""Runs a user's own metric with DSPy's signature. Imported in the scorer process only: dspy takes seconds.

The function gets `(example, prediction, trace=None)`. Both carry `answer` (the text) and, where the
answer is a JSON object, its fields by name; the example also carries `input` (the last user text),
`messages` and `request`. `example` is the reference, `prediction` the answer to judge.
"""

from __future__ import annotations

import hashlib
import importlib
import inspect
from collections.abc import Callable
from typing import Any

import dspy

from distiller.scoring import message as read
from distiller.scoring.spec import Item, Scored
from distiller.settings import USER_METRIC

UserMetric = Callable[..., Any]


class MetricUnusable(Exception):  # noqa: N818 - it names the state
    """A metric that cannot be loaded; one sentence says why."""


def load(name: str, what: str = "metric") -> UserMetric:
    """Return what is behind "python:package.module:function", `what` in words. Raises MetricUnusable."""
    module_name, _, function_name = name.removeprefix(USER_METRIC).partition(":")
    try:
        function = getattr(importlib.import_module(module_name), function_name)
    except Exception as error:  # a user's module may fail with anything
        raise MetricUnusable(f"cannot load the {what} {name}: {type(error).__name__}: {error}") from error
    if not callable(function):
        raise MetricUnusable(f"the {what} {name} is not callable")
    loaded: UserMetric = function
    return loaded


def version(function: UserMetric) -> str:
    """Return 12 hex digits that change with the source of the function's module."""
    module = inspect.getmodule(function)
    try:
        source = inspect.getsource(module or function)
    except (OSError, TypeError):
        source = repr(function)
    return hashlib.sha256(source.encode()).hexdigest()[:12]


def apply(function: UserMetric, item: Item) -> Scored:
    """Score one answer; an exception or a value outside [0, 1] leaves it unscored."""
    try:
        value = function(_example(item), dspy.Prediction(**_fields(item.candidate)))
        number = float(value)
    except Exception as error:  # noqa: BLE001 - a user's function may fail with anything
        return Scored(value=None, reason=f"the metric failed: {type(error).__name__}: {error}")
    if not 0 <= number <= 1:
        return Scored(value=None, reason=f"the metric gave {number:g}; scores lie between 0 and 1")
    return Scored(value=number)


def _example(item: Item) -> dspy.Example:
    messages = item.request.get("messages") or []
    users = [m for m in messages if isinstance(m, dict) and m.get("role") == "user"]
    given = {
        "input": read.text(users[-1]) if users else "",
        "messages": messages,
        "request": item.request,
    }
    return dspy.Example(**{**_fields(item.reference or {}), **given}).with_inputs(*given)


def _fields(message: dict[str, Any]) -> dict[str, Any]:
    document = read.document(message)
    own = document if isinstance(document, dict) else {}
    named = {key: value for key, value in own.items() if key.isidentifier()}
    calls = [{"name": c.name, "arguments": c.arguments} for c in read.tool_calls(message)]
    return {**named, "answer": read.text(message), "tool_calls": calls}
