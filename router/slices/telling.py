"""Slices in plain words, with their figures. Decides nothing."""

from __future__ import annotations

import math
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from router import words
from router.evidence import Evidence
from router.settings import RolloutPolicy
from router.slices import harm as test
from router.slices.proving import ENOUGH
from router.slices.rank import MOST
from store.vocabulary import Rollout


@dataclass(frozen=True, kw_only=True, slots=True)
class SliceStory:
    """One slice's counts. `mean` and `upper` are differences of scores in [-1, 1]."""

    slice: str
    pairs: int
    missing: int
    mean: float | None
    upper: float  # the mean lies below it but for a chance of exp(-log_threshold)
    log_wealth: float  # against "no worse than the margin of a slice"
    log_threshold: float
    kept_by_teacher: str  # "harm", "operator", "unproven", or "": it is routed as all others are


def harm(evidence: Evidence, found: Sequence[test.Tested]) -> str:
    """Say which slices the student harms."""
    return " ".join(_harmful(evidence, one) for one in found)


def record(evidence: Evidence, one: test.Tested) -> dict[str, Any]:
    """Give a slice's figures as JSON, for a transition's inputs."""
    return {
        "slice": one.slice,
        "pairs": one.cell.paired,
        "mean": evidence.mean(one.cell),
        "log_wealth": one.log_wealth,
        "log_threshold": one.bar,
    }


def stories(
    rollout: Rollout, evidence: Evidence, policy: RolloutPolicy, unproven: Collection[str]
) -> tuple[SliceStory, ...]:
    """Tell of every slice that was seen, by rank."""
    return tuple(
        SliceStory(
            slice=one.slice,
            pairs=one.cell.paired,
            missing=one.cell.missing,
            mean=evidence.mean(one.cell),
            upper=test.upper(evidence, one),
            log_wealth=one.log_wealth,
            log_threshold=one.bar,
            kept_by_teacher=rollout.excluded.get(one.slice, "unproven" if one.slice in unproven else ""),
        )
        for one in test.tested(evidence, policy)
    )


def lines(
    rollout: Rollout, evidence: Evidence, told: Sequence[SliceStory], unproven: Mapping[str, int]
) -> list[str]:
    """Say how the slices stand, and which ones the teacher keeps."""
    said = [_line(evidence, one) for one in told]
    if len(evidence.slices) >= MOST:
        said.append(f"Only the first {MOST} slices are told apart; calls of others count in the whole alone.")
    for why, names in (
        ("for harm", [name for name, why in rollout.excluded.items() if why == "harm"]),
        ("by an operator's order", [name for name, why in rollout.excluded.items() if why == "operator"]),
    ):
        if names:
            said.append(f"The teacher keeps {', '.join(names)}, {why}.")
    said += [
        f"The teacher keeps {name} until {ENOUGH} of its pairs were compared ({pairs} are)."
        for name, pairs in unproven.items()
    ]
    return said


def _line(evidence: Evidence, one: SliceStory) -> str:
    if one.mean is None:
        return f"Slice {one.slice}: nothing compared yet, {one.missing} missing."
    bound = f", at most {words.points(one.upper)}" if one.upper < 1.0 else ""
    return (
        f"Slice {one.slice}: {words.points(one.mean)} to the teacher over {one.pairs} pairs{bound}; wealth against "
        f"'within {words.points(-evidence.delta_slice)}' {words.wealth(one.log_wealth)}, {words.wealth(one.log_threshold)} "
        "exclude it."
    )


def _harmful(evidence: Evidence, one: test.Tested) -> str:
    mean = words.points(evidence.mean(one.cell) or 0.0)
    return (
        f"The teacher keeps {one.slice} from now on: over {one.cell.paired} pairs of it the student is {mean} to the "
        f"teacher, at most {words.points(test.upper(evidence, one))} but for a chance of {math.exp(-one.bar):.2g}; the margin "
        f"of a slice is {words.points(-evidence.delta_slice)} (wealth against it {words.wealth(one.log_wealth)} of "
        f"{words.wealth(one.bar)} needed)."
    )
