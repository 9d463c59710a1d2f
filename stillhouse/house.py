"""How the rooms are joined: every part of the control process, made once, in one place. Decides nothing.

The siblings never meet but here: the distiller's students go to the router, the gateway's reader of
answers and the prices go to the ingester, the scores' names go to the controller.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace

from distiller.clock import Clock
from distiller.grouping.grouper import Grouper
from distiller.pipeline import Executor, Parts, Pipeline
from distiller.pipeline.probes import Probes
from distiller.scoring.client import ScorerClient
from distiller.scoring.scoring import Scoring
from distiller.scoring.shapes import Shapes
from distiller.settings import Policies, TaskPolicy
from gateway.capture import read_answer
from router.controller import Controller
from router.drift.probing import Probing
from router.drift.settings import DriftPolicy
from router.drift.watching import Watching
from router.errors import RolloutRefused
from router.opening import open_rollout
from router.settings import RolloutPolicy
from router.streams.scorer import ScorerWatch
from router.streams.stored import StoreWatch
from router.streams.watchers import OutageWatch, RatioWatch
from stillhouse.access import JobAccess, in_background
from stillhouse.auditor import Auditor
from stillhouse.erasure import Erasing, Quiet, Scene
from stillhouse.grants import JUDGE, Grants
from stillhouse.lineage import Keeper
from stillhouse.prices import PriceBook
from stillhouse.settings import convert
from stillhouse.views.stores import Stores
from store.artifacts import Artifacts
from store.ingester import Ingester
from store.vocabulary import Evaluation, Student

logger = logging.getLogger(__name__)

JUDGE_CALLS_A_DAY = 20_000


@dataclass(frozen=True, kw_only=True)
class House:
    """Everything that the loops of control turn."""

    ingester: Ingester
    lineage: Keeper
    grouper: Grouper
    scorer: ScorerClient
    scoring: Scoring
    controller: Controller
    watching: Watching
    auditor: Auditor
    executor: Executor
    clock: Clock
    quiet: Quiet
    erasing: Erasing


def build(stores: Stores, *, epoch: int, grants: Grants, prices: PriceBook, inner_url: str) -> House:
    """Join the rooms. `inner_url` is where jobs and judges reach an upstream."""
    settings, folder, log, control = stores.settings, stores.folder, stores.log, stores.control
    limits = convert.distiller(settings)
    policies = _with_judges(convert.task_policies(settings), inner_url)
    token = grants.issue(
        JUDGE, usd=settings.distiller.background_usd_per_day, calls=JUDGE_CALLS_A_DAY, daily=True
    )
    shapes = Shapes(log=log, control=control, policies=policies, judge_token=token)
    scorer = ScorerClient(cache=folder.cache / "dspy", timeout_s=limits.scorer_timeout_s)
    scoring = Scoring(log=log, control=control, scorer=scorer, shapes=shapes, settings=limits)

    def rollout_policy(task_id: str) -> RolloutPolicy:
        task = control.task(task_id)
        policy = convert.rollout_policy(settings, task)
        return replace(policy, mode=task.mode) if task else policy

    def drift_policy(task_id: str) -> DriftPolicy:
        return convert.drift_policy(settings, control.task(task_id))

    def on_student(student: Student, evaluation: Evaluation) -> str | None:
        return _rolled_out(stores, student, evaluation, rollout_policy(student.task_id), epoch)

    parts = Parts(
        log=log,
        control=control,
        epoch=epoch,
        shapes=shapes,
        artifacts=Artifacts(folder.artifacts),
        jobs=folder.jobs,
        scorer=scorer,
        on_student=on_student,
        settings=limits,
        policies=policies,
        access=JobAccess(grants, inner_url) if in_background(settings) else None,
    )
    executor = Executor(Pipeline(parts), parts)
    watching = Watching(control, log, drift_policy, epoch, time.time)
    ingester = Ingester(log, folder.journal, read_answer, prices.price)
    auditor = Auditor(folder.run, log, ingester)
    quiet = Quiet(executor, scorer, scoring.step, _probing(parts, grants, inner_url, drift_policy))
    scene = Scene(folder=folder, log=log, control=control, epoch=epoch, now=time.time)
    return House(
        executor=executor,
        quiet=quiet,
        erasing=Erasing(scene, quiet),
        clock=Clock(log=log, control=control, epoch=epoch, shapes=shapes, policies=policies, settings=limits),
        ingester=ingester,
        lineage=Keeper(control, settings, epoch),
        grouper=Grouper(
            log=log, control=control, epoch=epoch, shapes=shapes, policies=policies, settings=limits
        ),
        scorer=scorer,
        scoring=scoring,
        controller=Controller(
            control,
            log,
            rollout_policy,
            epoch,
            time.time,
            scoring.score_name,
            watchers=(
                RatioWatch(log, time.time),
                OutageWatch(log, scoring.score_name, time.time),
                ScorerWatch(control, scoring.scored_by, epoch, time.time),
                StoreWatch(auditor.books, time.time),
                watching.findings,
            ),
        ),
        watching=watching,
        auditor=auditor,
    )


def _rolled_out(
    stores: Stores, student: Student, evaluation: Evaluation, policy: RolloutPolicy, epoch: int
) -> str | None:
    """Open the rollout of a student that was evaluated, or say why it has none."""
    versions = stores.control.versions(student.task_id)
    own = [f for v in versions if v.version == student.task_version for f in v.fingerprints]
    try:
        open_rollout(
            stores.control,
            student,
            evaluation,
            policy,
            epoch=epoch,
            clock=time.time,
            teacher_ms=stores.log.teacher_ms(own),
        )
    except RolloutRefused as refusal:
        logger.warning("student %s is not rolled out: %s", student.student_id, refusal)
        return str(refusal)
    return None


def _probing(
    parts: Parts, grants: Grants, inner_url: str, policies: Callable[[str], DriftPolicy]
) -> Callable[[], Awaitable[None]]:
    """Give what asks teachers again: nothing where no upstream may be called in the background."""
    if parts.access is None:
        return _nothing
    prober = Probes(parts, lambda: JobAccess(grants, inner_url))
    return Probing(parts.control, prober, policies, parts.epoch, time.time).step


async def _nothing() -> None:
    pass


def _with_judges(policies: Policies, url: str) -> Policies:
    """Let judges without a base URL of their own go through control."""

    def told(policy: TaskPolicy) -> TaskPolicy:
        if policy.judge is None or policy.judge.base_url:
            return policy
        return replace(policy, judge=replace(policy.judge, base_url=url))

    return Policies(default=told(policies.default), tasks={k: told(p) for k, p in policies.tasks.items()})
