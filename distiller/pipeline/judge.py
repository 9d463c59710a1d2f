"""The phases `evaluate` and `rollout`: what the student is worth, and who is told. Knows no statistics."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, replace
from typing import Any

from distiller.evaluation import Ceiling, Evaluator, Findings, ceiling
from distiller.pipeline.again import self_agreement
from distiller.pipeline.collect import KIND as TRAINSETS
from distiller.pipeline.errors import FailedError, HopelessError
from distiller.pipeline.keeper import Keeper
from distiller.pipeline.parts import Parts
from distiller.pipeline.rungs import climbed, record
from distiller.pipeline.serve import stop_serving, student_of, wait_healthy
from distiller.recipes.climb import Rung, best
from distiller.scoring.audit import Labelled, bias
from distiller.scoring.spec import MetricSpec, ScorerUnavailable
from distiller.trainset import read_rows, verify
from store.ids import new_id
from store.vocabulary import Engine, Evaluation, Student, Verdict


async def evaluate(parts: Parts, keeper: Keeper) -> None:
    """Evaluate through the real endpoint and save what was found; leaves `evaluation_id`, `verdict`."""
    student = student_of(parts, keeper)
    trainset = parts.artifacts.folder(TRAINSETS, student.trainset_id)
    await asyncio.to_thread(verify, trainset)
    heldout = await asyncio.to_thread(read_rows, trainset / "heldout.jsonl")
    if student.engine is not Engine.ENDPOINT:
        await _healthy(student, parts)
    policy = parts.policy(student.task_id)
    metric = await asyncio.to_thread(parts.shapes.metric, student.task_id)
    evaluator = Evaluator(
        scorer=parts.scorer,
        metric=metric,
        ceiling=await _ceiling(parts, student, metric),
        delta=policy.delta,
        concurrency=parts.settings.evaluation_concurrency,
        timeout_s=policy.timeout_s,
        min_units=parts.settings.screen_n,
        tell=_teller(keeper),
    )
    outputs = parts.artifacts.at(str(student.weights)) / "heldout_outputs.jsonl"
    try:
        with _way(parts, keeper, student) as (asked, headers):
            found = await evaluator.run(asked, heldout, outputs, headers)
    except ScorerUnavailable as error:
        raise FailedError(f"the student could not be evaluated: {error}") from error
    audited = await asyncio.to_thread(_audited, parts, student.task_id) if metric.judge else None
    evaluation = _evaluation(parts, student, found, judge=audited)
    parts.control.save_student(
        replace(
            student,
            parity=found.parity.share if found.parity else None,
            calibration=found.calibration,
        ),
        parts.epoch,
    )
    parts.control.save_evaluation(evaluation, parts.epoch)
    keeper.made(evaluation_id=evaluation.evaluation_id, verdict=evaluation.verdict.value)
    if evaluation.verdict is not Verdict.PASS and not _good_in_part(evaluation, policy.delta):
        stop_serving(parts, student.student_id)
    if evaluation.verdict is Verdict.ERROR:
        raise HopelessError(f"evaluation failed: {evaluation.why}")


async def _ceiling(parts: Parts, student: Student, metric: MetricSpec) -> Ceiling:
    """Return what the teacher scores against itself. Raises FailedError."""
    try:
        return ceiling(await self_agreement(parts, student.task_id, student.task_version, metric))
    except ScorerUnavailable as error:
        raise FailedError(f"the student could not be evaluated: {error}") from error


@contextmanager
def _way(parts: Parts, keeper: Keeper, student: Student) -> Iterator[tuple[Student, dict[str, str]]]:
    """Give the student as it is reached from here: one that an upstream serves, through control, whose key it is."""
    if student.engine is not Engine.ENDPOINT:
        yield student, {}
        return
    service = parts.settings.service
    if parts.access is None or service is None:
        raise FailedError(f"the upstream {student.upstream!r} of the student has no key of its own any more")
    with parts.access(keeper.job.job_id, service.max_usd) as access:
        headers = {"authorization": f"Bearer {access.token}", "x-stillhouse-upstream": student.upstream}
        yield replace(student, base_url=access.base_url), headers


def leave(parts: Parts, keeper: Keeper) -> None:
    """Record the rung that was evaluated."""
    evaluation = _found(parts, keeper.result("student_id"), keeper.result("evaluation_id"))
    rung = Rung(
        recipe=keeper.result("recipe"),
        verdict=evaluation.verdict,
        why=evaluation.why,
        student_id=evaluation.student_id,
        evaluation_id=evaluation.evaluation_id,
        lower=evaluation.delta_lower,
    )
    record(keeper, rung)


async def announce(parts: Parts, keeper: Keeper) -> None:
    """Tell of the best rung's student, once. Raises HopelessError if it is refused; leaves what was chosen."""
    rung = best(climbed(keeper))
    if rung is None:
        raise HopelessError("no rung of the ladder has an evaluation")
    evaluation = _found(parts, rung.student_id, rung.evaluation_id)
    keeper.made(
        recipe=rung.recipe,
        student_id=rung.student_id,
        evaluation_id=rung.evaluation_id,
        verdict=evaluation.verdict.value,
    )
    student = student_of(parts, keeper)
    if not _begun(parts, keeper, student):
        refusal = await asyncio.to_thread(parts.on_student, student, evaluation)
        if refusal is not None:
            keeper.made(refused=refusal)
            stop_serving(parts, student.student_id)
            raise HopelessError(f"the student {student.student_id} is not rolled out: {refusal}")


def _found(parts: Parts, student_id: str | None, evaluation_id: str | None) -> Evaluation:
    known = parts.control.evaluations(str(student_id))
    found = next((e for e in known if e.evaluation_id == evaluation_id), None)
    if found is None:
        raise FailedError(f"the evaluation {evaluation_id} is not in the control state")
    return found


def _begun(parts: Parts, keeper: Keeper, student: Student) -> bool:
    """Tell whether an earlier try of this job already got as far as a rollout."""
    rollouts = parts.control.rollouts(student.task_id)
    return any(r.student_id == student.student_id and r.created >= keeper.job.created for r in rollouts)


async def _healthy(student: Student, parts: Parts) -> None:
    try:
        url = student.base_url.removesuffix("/v1")
        await wait_healthy(url, student.model, parts.settings.serve_timeout_s)
    except TimeoutError:
        raise FailedError(f"the server of student {student.student_id} does not answer") from None


def _teller(keeper: Keeper) -> Callable[[int, int], None]:
    began = time.monotonic()

    def tell(done: int, of: int) -> None:
        left = (time.monotonic() - began) / max(done, 1) * (of - done)
        keeper.tell(doing="ask", step=done, of=of, eta_s=round(left, 1))

    return tell


def _good_in_part(evaluation: Evaluation, delta: float) -> bool:
    """Tell whether the calls that it is sure of may be its own: the router decides, and needs its server for that."""
    return any(one["mean"] >= -delta for one in evaluation.detail["partial"])


def _audited(parts: Parts, task_id: str) -> dict[str, Any] | None:
    """Return how the task's judge differs from people, None where nobody has labelled."""
    fingerprints = [f for version in parts.control.versions(task_id) for f in version.fingerprints]
    drawn = parts.log.audited(fingerprints)
    labelled = [Labelled(judge=one.judge, gold=one.gold) for one in drawn if one.gold is not None]
    seen = bias(labelled, parts.policy(task_id).threshold)
    return asdict(seen) if seen else None


def _evaluation(parts: Parts, student: Student, found: Findings, judge: dict[str, Any] | None) -> Evaluation:
    screen = found.screen
    return Evaluation(
        evaluation_id=new_id(),
        student_id=student.student_id,
        task_id=student.task_id,
        created=parts.now(),
        n=screen.n,
        student_mean=screen.student_mean,
        teacher_mean=screen.teacher_mean,
        delta_mean=screen.delta_mean,
        delta_lower=screen.delta_lower,
        verdict=screen.verdict,
        why=screen.why,
        detail={
            **found.detail,
            "parity": asdict(found.parity) if found.parity else None,
            "judge_less_person": judge,
        },
    )
