"""How a rollout begins. Knows no evidence: the controller takes it from here."""

from __future__ import annotations

import secrets
from collections.abc import Callable, Iterable

from router.decision import Facts
from router.errors import RolloutRefused
from router.evidence import Evidence
from router.partial.candidate import Candidate
from router.partial.screen import hopeful
from router.policy import screened_out
from router.settings import RolloutPolicy
from router.steps import TERMINAL, standing
from router.streams.gold import bound
from router.streams.terms import margins, terms
from store.control import Control
from store.errors import NotFound
from store.ids import new_id
from store.vocabulary import Evaluation, Rollout, State, Student, Task, TaskMode


def open_rollout(
    control: Control,
    student: Student,
    evaluation: Evaluation,
    policy: RolloutPolicy,
    *,
    epoch: int,
    clock: Callable[[], float],
    teacher_ms: float | None = None,
) -> Rollout:
    """Create the rollout of a student in state DRAFT; the controller's next tick screens and shadows it.

    `teacher_ms` is within what 95% of the teacher's answers came, where that is known. Asked again with the same
    student and evaluation, it gives the rollout that exists. Raises NotFound for an unknown task, RolloutRefused
    while another student of the task version is on its way, StaleEpoch.
    """
    task = control.task(student.task_id)
    if task is None:
        raise NotFound(f"There is no task {student.task_id!r} to roll a student out for.")
    known = [r for r in control.rollouts(task.task_id) if r.task_version == student.task_version]
    for rollout in reversed(known):
        if rollout.student_id == student.student_id and rollout.created >= evaluation.created:
            return rollout
    if (why := refusal(known)) is not None:
        raise RolloutRefused(why)
    now = clock()
    thresholds, fixed = _thresholds(student, policy), terms(evaluation, policy, teacher_ms)
    rollout = Rollout(
        rollout_id=new_id(),
        task_id=task.task_id,
        task_version=student.task_version,
        student_id=student.student_id,
        trial=_trial(task, evaluation, policy, thresholds),
        state=State.DRAFT,
        delta=policy.delta,
        alpha=policy.alpha,
        profile=policy.profile,
        mode=str(policy.mode),
        salt=secrets.token_hex(16),
        created=now,
        entered=now,
        since=now,
        evidence=Evidence(
            delta=policy.delta,
            delta_slice=policy.delta_slice,
            margins=margins(policy),
            scale=bound(fixed.gold),
            candidates={at: Candidate() for at in thresholds},
        ).to_json(),
        thresholds=thresholds,
        slicers=policy.slices,
        terms=fixed,
    )
    control.create_rollout(rollout, epoch)
    return rollout


def _trial(task: Task, evaluation: Evaluation, policy: RolloutPolicy, thresholds: tuple[float, ...]) -> int:
    """Give k. Alpha is spent by looking at live evidence: not by a failed screen, nor by observing."""
    if policy.mode == TaskMode.OBSERVE:
        return task.trials
    refused = screened_out(Facts(evaluation=evaluation), policy.delta, policy)
    partial = thresholds and hopeful(evaluation, policy.delta, policy.screen_n)
    return task.trials + (not refused or bool(partial))


def _thresholds(student: Student, policy: RolloutPolicy) -> tuple[float, ...]:
    """Give the candidates of a partial cutover: fixed before any of its evidence is seen."""
    return student.calibration.thresholds if student.calibration and policy.partial else ()


def refusal(known: Iterable[Rollout]) -> str | None:
    """Say why a newer student cannot come now, given the rollouts of its task; None where it can."""
    for rollout in known:
        if rollout.state not in TERMINAL and standing(rollout) != State.FULL:
            return (
                f"Task {rollout.task_id} version {rollout.task_version} has a rollout in state {rollout.state} "
                f"({rollout.rollout_id}); a newer student waits until that has ended or is at full share."
            )
    return None
