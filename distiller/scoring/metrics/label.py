"""The metric of closed answer sets: the same label or not. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from distiller.scoring import message as read
from distiller.scoring.metrics.normal import normal


def label(reference: Mapping[str, Any], candidate: Mapping[str, Any], request: Mapping[str, Any]) -> float:  # noqa: ARG001 - one signature
    """Return 1.0 where the normal forms of both texts are equal and neither calls a tool, else 0.0."""
    if read.tool_calls(reference) or read.tool_calls(candidate):
        return 0.0
    return float(normal(read.text(reference)) == normal(read.text(candidate)))
