"""Compares the scores of what is served with those of what was trained. Pure: knows no endpoint."""

from __future__ import annotations

from collections.abc import Mapping

from distiller.serving.parity import SHARE

PARITY = SHARE
_EQUAL = 1e-9


def parity(trained: Mapping[str, float | None], served: Mapping[str, float | None]) -> float | None:
    """Return the share of calls, by id, on which both answers have the same score, in [0, 1].

    Only calls that both have a score for count; None where there are none.
    """
    pairs = [(trained[call], served[call]) for call in trained.keys() & served.keys()]
    same = [abs(a - b) <= _EQUAL for a, b in pairs if a is not None and b is not None]
    return sum(same) / len(same) if same else None
