"""The metric of JSON answers: the share of fields that are the same. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from distiller.scoring import message as read
from distiller.scoring.metrics.label import label
from distiller.scoring.metrics.normal import agreement


def fields(reference: Mapping[str, Any], candidate: Mapping[str, Any], request: Mapping[str, Any]) -> float:
    """Return `agreement` of the two documents; 0.0 where only one is JSON; equality where neither is."""
    wanted, given = read.document(reference), read.document(candidate)
    if wanted is None and given is None:
        return label(reference, candidate, request)
    if wanted is None or given is None or read.tool_calls(candidate):
        return 0.0
    return agreement(wanted, given)
