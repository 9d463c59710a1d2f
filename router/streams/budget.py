"""How what can take a student off shares its false alarms: parts of one sum (Bonferroni). Knows no test."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from store.vocabulary import Stream

_BESIDE: dict[str, float] = dict.fromkeys(
    (Stream.ERROR, Stream.FORMAT, Stream.LATENCY, Stream.FEEDBACK), 1 / 32
)

HARM: Mapping[str, float] = MappingProxyType({Stream.SCORE: 1 / 2, **_BESIDE})
"""Of each step's part of the harm budget; `SLICES` is the rest.

Scores have most: a collapse in one of the others is large and is found with little, a student that is a few
points worse is found by its scores alone.
"""

SLICES = 3 / 8
"""Of the harm budget of the whole rollout, for all slices together (`router.slices.rank`)."""

LATE: Mapping[str, float] = MappingProxyType({Stream.SCORE: 7 / 8, **_BESIDE})
"""Of the false alarms of the late-regression detectors. Slices have none."""
