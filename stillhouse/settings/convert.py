"""From the tree to what each room calls its settings. Knows no file and no environment.

Only what was given is passed on: defaults are written down once, in the rooms.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

from distiller.settings import (
    SIGNALS,
    DistillerSettings,
    FinetuneSettings,
    JudgeSettings,
    Policies,
    ServiceSettings,
    StudentSettings,
    TaskPolicy,
    TrainingSettings,
    TrainsetSettings,
    VllmSettings,
)
from gateway.settings import ClientKey, GatewaySettings, Kind, Timeouts, UpstreamSpec
from router.drift.settings import DriftPolicy
from router.settings import RolloutPolicy, profiled
from stillhouse.settings.calls import LITELLM, Upstream
from stillhouse.settings.policy import Policy
from stillhouse.settings.tree import Settings
from stillhouse.translator.door import Door
from store.vocabulary import Release, State, Task, TaskMode, Unit

FOR_DISTILLER = (
    "mode",
    "metric",
    "threshold",
    "delta",
    "ladder",
    "optimizer_model",
    "optimizer_usd",
    "timeout_s",
    "signals",
    "redact",
    "self_agreement",
    "self_agreement_usd",
)
FOR_ROUTER = (
    *(
        "mode",
        "delta",
        "delta_slice",
        "slices",
        "alpha",
        "holdback",
        "shadow",
        "ramp_shadow",
        "shadow_usd_per_day",
        "unknown_usd_per_call",
    ),
    *("dwell_s", "score_timeout_s", "conversation_s", "hold_limit_s", "gone_s"),
    *("unit", "partial", "timeout_s", "release", "stored"),
    *("error_delta", "format_delta", "latency_delta", "feedback_delta", "latency_slo_s"),
    *("feedback_window_s", "gold_audit", "label_timeout_s"),
)
_EVERY = re.compile(r"every (\d+(?:\.\d+)?)\s?([smh])")
NOT_DISTILLER = frozenset({"training", "trainset", "service", "background_usd_per_day", "usd_per_day"})
OF_GATEWAY = (
    "models", "administration", "max_body", "shadow_concurrency", "upstream_wait_s", "drain_s", "ca_file",
)  # fmt: skip
NOT_UPSTREAM = frozenset({"api_key_env", "api_key_file", "api_key", "timeouts", "kind", "base_url", "params"})


class Unfit(ValueError):  # noqa: N818 - an answer of a room, not a fault
    """A room refused a value; `path` is the branch of the tree that it came from."""

    def __init__(self, path: tuple[str | int, ...], sentence: str) -> None:
        super().__init__(sentence)
        self.path = path


def gateway(settings: Settings, salt: bytes, door: Door | None = None) -> GatewaySettings:
    """Give the settings of the data plane. `salt` hashes credentials; `door` leads to the translator. Raises Unfit."""
    way = door or Door()
    upstreams = tuple(_upstream(index, upstream, way) for index, upstream in enumerate(settings.upstreams))
    with _of("client_keys"):
        keys = tuple(ClientKey(name=key.name, sha256=key.sha256) for key in settings.client_keys)
    with _of("gateway"):
        given = _only(settings.gateway.given(), OF_GATEWAY)
        return GatewaySettings(upstreams=upstreams, client_keys=keys, salt=salt, **given)


def distiller(settings: Settings) -> DistillerSettings:
    """Give the settings of the slow path. Raises Unfit."""
    branch = settings.distiller
    with _of("distiller", "training"):
        training = TrainingSettings(**branch.training.given())
    with _of("distiller", "trainset"):
        trainset = TrainsetSettings(**branch.trainset.given())
    service = _service(settings)
    with _of("student"):
        vllm = VllmSettings(**settings.student.vllm.given()) if settings.student.vllm else None
        student = StudentSettings(**{**settings.student.given(), "vllm": vllm})
    with _of("distiller"):
        given = {key: value for key, value in branch.given().items() if key not in NOT_DISTILLER}
        if every := _EVERY.fullmatch(given.get("schedule", "")):
            del given["schedule"]
            given["tick_s"] = float(every[1]) * {"s": 1, "m": 60, "h": 3600}[every[2]]
        if "schedule" in given:
            _check_crontab(given["schedule"])
        return DistillerSettings(
            **given, training=training, trainset=trainset, student=student, service=service
        )


def _service(settings: Settings) -> ServiceSettings | None:
    """Give the training service with the base URL of its upstream."""
    branch = settings.distiller.service
    if branch is None:
        return None
    with _of("distiller", "service"):
        upstream = next((u for u in settings.upstreams if u.name == branch.upstream), None)
        if upstream is None:
            raise ValueError(f"upstream {branch.upstream!r} is none of upstreams")
        return ServiceSettings(**branch.given(), base_url=upstream.base_url or "")


def task_policies(settings: Settings) -> Policies:
    """Say what the slow path may do with each task. Raises Unfit."""
    with _of("policy"):
        default = _task_policy(settings.policy)
    tasks: dict[str, TaskPolicy] = {}
    for name, own in settings.tasks.items():
        with _of("tasks", name):
            policy = _task_policy(settings.policy.under(own))
            # A mode for all tasks is not the task's own: what it means is the distiller's to say.
            tasks[name] = replace(policy, mode=TaskMode(own.mode) if own.mode else None)
    return Policies(default=default, tasks=tasks)


def rollout_policy(settings: Settings, task: Task | None = None) -> RolloutPolicy:
    """Say what a rollout of a task runs under; of any task without settings of its own for None."""
    return _rollout_policy(settings.task_policy(task) if task else settings.policy)


def drift_policy(settings: Settings, task: Task | None = None) -> DriftPolicy:
    """Say how a rollout of a task is watched; of any task without settings of its own for None."""
    policy = settings.task_policy(task) if task else settings.policy
    return DriftPolicy(**policy.drift.given()) if policy.drift else DriftPolicy()


def check(settings: Settings) -> None:
    """Try every conversion. Raises Unfit at the first value that a room refuses."""
    gateway(settings, b"")
    distiller(settings)
    task_policies(settings)
    with _of("policy"):
        _rollout_policy(settings.policy)
    for name, own in settings.tasks.items():
        with _of("tasks", name):
            _rollout_policy(settings.policy.under(own))


def _check_crontab(schedule: str) -> None:
    from apscheduler.triggers.cron import CronTrigger  # noqa: PLC0415 - half a second, and rarely needed

    try:
        CronTrigger.from_crontab(schedule)
    except ValueError as error:
        raise ValueError(f"schedule {schedule!r} is neither a crontab nor like 'every 5m'") from error


def _upstream(index: int, upstream: Upstream, door: Door) -> UpstreamSpec:
    given = {key: value for key, value in upstream.given().items() if key not in NOT_UPSTREAM}
    translated = upstream.kind == LITELLM
    key = upstream.api_key.get_secret_value() if upstream.api_key else None
    with _of("upstreams", index):
        return UpstreamSpec(
            **given,
            kind=Kind(upstream.kind or Kind.OPENAI),
            base_url=door.base_url(upstream.name) if translated else upstream.base_url or "",
            api_key=door.token if translated else key,
            timeouts=Timeouts(**upstream.timeouts.given()),
        )


def _task_policy(policy: Policy) -> TaskPolicy:
    given = _only(policy.given(), FOR_DISTILLER)
    if "mode" in given:
        given["mode"] = TaskMode(given["mode"])
    if "signals" in given:
        given["signals"] = {**SIGNALS, **given["signals"]}
    if policy.finetune is not None:
        own, kwargs = policy.finetune.given(), policy.finetune.train_kwargs
        given["finetune"] = FinetuneSettings(**{**own, "train_kwargs": kwargs.given() if kwargs else {}})
    judge = JudgeSettings(**policy.judge.given()) if policy.judge else None
    if judge is not None and policy.gold_audit is not None:
        judge = replace(judge, gold=policy.gold_audit, corrected=True)
    return TaskPolicy(**given, judge=judge)


def _rollout_policy(policy: Policy) -> RolloutPolicy:
    given = _only(policy.given(), FOR_ROUTER)
    for name, kind in (("mode", TaskMode), ("release", Release), ("unit", Unit)):
        if name in given:
            given[name] = kind(given[name])
    if "shadow" in given:
        given.setdefault(
            "ramp_shadow", given["shadow"]
        )  # one setting for the whole rollout, unless told otherwise
    base = profiled(RolloutPolicy(), policy.profile or "standard")
    for name in ("minima", "caps", "shadow_per_served"):
        if (own := getattr(policy, name)) is not None:
            given[name] = {**getattr(base, name), **{State(step): each for step, each in own.items()}}
    return replace(base, **given)


def _only(given: dict[str, Any], names: tuple[str, ...]) -> dict[str, Any]:
    return {name: given[name] for name in names if name in given}


@contextmanager
def _of(*path: str | int) -> Iterator[None]:
    try:
        yield
    except ValueError as error:
        raise Unfit(path, str(error).rstrip(".")) from error
