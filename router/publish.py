"""The route that follows from a rollout: pure. Knows no store."""

from __future__ import annotations

from dataclasses import replace

from router.settings import RolloutPolicy
from router.slices.naming import dimensions
from router.slices.proving import unproven
from router.steps import CONSUMING, shadowed, share, standing
from store.vocabulary import LABEL, Release, Rollout, Route, Student, TaskVersion


def route(
    rollout: Rollout,
    student: Student,
    version: TaskVersion,
    policy: RolloutPolicy,
    *,
    epoch: int,
    now: float,
    drawing: bool,
) -> Route | None:
    """Give what gateways must know, or None: nothing, the teacher answers everything.

    `drawing` is False when the day's shadow money is spent. The step is the one whose traffic flows: pairs
    drawn during a hold belong to the step that it froze.
    """
    if rollout.state not in CONSUMING or not student.base_url or not version.fingerprints:
        return None
    step = standing(rollout)
    if step not in policy.reverse_shadow:  # a hold whose row names no step: nothing may flow
        return None
    slicers = dimensions(rollout.slicers)
    weighed = rollout.threshold is not None or LABEL in slicers
    return Route(
        task_id=rollout.task_id,
        task_version=rollout.task_version,
        fingerprints=version.fingerprints,
        rollout_id=rollout.rollout_id,
        student_id=rollout.student_id,
        step=step,
        share=share(rollout, policy),
        holdback=policy.holdback,
        salt=rollout.salt,
        shadow=shadowed(rollout, policy) if drawing else 0.0,
        reverse_shadow=policy.reverse_shadow[step] if drawing else 0.0,
        base_url=student.base_url,
        model=student.model,
        timeout_s=policy.timeout_s,
        program=student.program,
        upstream=student.upstream,
        release=Release.WHOLE if weighed else policy.release,
        capabilities=replace(student.capabilities, stored=policy.stored),
        calibration=student.calibration,
        threshold=rollout.threshold,
        unit=rollout.unit,
        slicers=slicers,
        excluded=tuple(sorted(rollout.excluded)),
        unproven=tuple(unproven(rollout)),
        epoch=epoch,
        updated=now,
    )


def same(one: Route | None, other: Route | None) -> bool:
    """Say whether two routes mean the same to a gateway, whenever they were written."""
    if one is None or other is None:
        return one is other
    return _meaning(one) == _meaning(other)


def _meaning(route: Route) -> Route:
    return replace(route, updated=0.0)
