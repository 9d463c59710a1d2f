"""The metric of free text: shared words. Pure. Near in words is not right: such tasks need approval."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping
from typing import Any

from distiller.scoring import message as read
from distiller.scoring.metrics.tool_call import tool_call


def text(reference: Mapping[str, Any], candidate: Mapping[str, Any], request: Mapping[str, Any]) -> float:
    """Return the F1 of the two bags of words (SQuAD's definition, no articles removed).

    Where either calls a tool, `tool_call` decides instead.
    """
    if read.tool_calls(reference) or read.tool_calls(candidate):
        return tool_call(reference, candidate, request)
    wanted, given = _words(reference), _words(candidate)
    if not wanted or not given:
        return float(wanted == given)
    shared = (wanted & given).total()
    return 2 * shared / (wanted.total() + given.total())


def _words(message: Mapping[str, Any]) -> Counter[str]:
    return Counter(re.findall(r"\w+", read.text(message).casefold()))
