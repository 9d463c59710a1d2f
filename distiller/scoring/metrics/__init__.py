"""Built-in metrics: how near a candidate answer is to a reference, in [0, 1]. Know no store.

Each has the signature (reference message, candidate message, request) -> float and is pure.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from distiller.scoring.metrics.fields import fields
from distiller.scoring.metrics.label import label
from distiller.scoring.metrics.text import text
from distiller.scoring.metrics.tool_call import tool_call

Message = Mapping[str, Any]
Metric = Callable[[Message, Message, Message], float]

BUILT_IN: dict[str, Metric] = {"label": label, "fields": fields, "tool_call": tool_call, "text": text}
VERSION = "1"  # of all of them: raise it when any could give another value

__all__ = ["BUILT_IN", "VERSION", "Message", "Metric", "fields", "label", "text", "tool_call"]
