"""Declared slices, which the teacher keeps until enough of them was compared. Knows no test."""

from __future__ import annotations

from router.evidence import Evidence
from router.slices.naming import declared
from store.vocabulary import Rollout

ENOUGH = 100
"""Compared pairs after which a declared slice is routed as all others are."""


def unproven(rollout: Rollout) -> dict[str, int]:
    """Give the declared slices of which too few pairs were compared, with how many those are; no excluded ones."""
    if not (names := [name for name in declared(rollout.slicers) if name not in rollout.excluded]):
        return {}
    slices = Evidence.from_json(rollout.evidence).slices
    compared = {name: slices[name].paired if name in slices else 0 for name in names}
    return {name: pairs for name, pairs in compared.items() if pairs < ENOUGH}
