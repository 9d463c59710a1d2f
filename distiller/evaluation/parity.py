"""Compares what is served with what was trained. Pure: knows no endpoint."""

from __future__ import annotations

from collections.abc import Mapping

PARITY = 0.98  # share of prompts on which both must have the same score
_EQUAL = 1e-9


def parity(trained: Mapping[str, float | None], served: Mapping[str, float | None]) -> float | None:
    """Return the share of calls, by id, on which both answers have the same score, in [0, 1].

    Only calls that both have a score for count; None where there are none.
    """
    pairs = [(trained[call], served[call]) for call in trained.keys() & served.keys()]
    same = [abs(a - b) <= _EQUAL for a, b in pairs if a is not None and b is not None]
    return sum(same) / len(same) if same else None
