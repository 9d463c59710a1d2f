"""The metric of tool calls: the same tools with the same arguments. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from distiller.scoring import message as read
from distiller.scoring.metrics.label import label
from distiller.scoring.metrics.normal import agreement


def tool_call(
    reference: Mapping[str, Any], candidate: Mapping[str, Any], request: Mapping[str, Any]
) -> float:
    """Return the mean over the calls, in their order, of name equality times argument `agreement`.

    A missing, an extra or an unreadable call counts 0; where the reference calls no tool, the
    candidate must call none and say the same.
    """
    wanted, given = read.tool_calls(reference), read.tool_calls(candidate)
    if not wanted:
        return label(reference, candidate, request)
    scores = [_one(a, b) for a, b in zip(wanted, given, strict=False)]
    return sum(scores) / max(len(wanted), len(given))


def _one(wanted: read.ToolCall, given: read.ToolCall) -> float:
    if wanted.name != given.name or given.arguments is None:
        return 0.0
    return agreement(wanted.arguments, given.arguments)
