"""How the tests that can take a student off share their false alarms (Bonferroni). Knows no test."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from store.vocabulary import Stream

SHARES: Mapping[str, float] = MappingProxyType(
    {
        Stream.SCORE: 3 / 4,
        Stream.ERROR: 1 / 32,
        Stream.FORMAT: 1 / 32,
        Stream.LATENCY: 1 / 32,
        Stream.FEEDBACK: 1 / 32,
    }
)
"""Of each step's part of the harm budget, and of the false alarms of the late-regression detectors.

Scores have most: a collapse in one of the others is large and is found with little, a student that is a few
points worse is found by its scores alone.
"""

SLICES = 1 / 8
"""Of the harm budget of the whole rollout, for all slices together (`router.slices.rank`). They have no detectors."""
