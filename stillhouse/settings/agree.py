"""Whether settings of several branches agree: what one names, another must have. Knows no room, no file and no network."""

from __future__ import annotations

from collections.abc import Iterator
from fnmatch import fnmatchcase

from distiller.settings import REPLAY
from router.slices.naming import dimensions
from stillhouse.settings.convert import Unfit
from stillhouse.settings.policy import Policy
from stillhouse.settings.tree import Settings
from store.vocabulary import LABEL, Release

SERVICE, NAMES = "service", "names"
_Path = tuple[str | int, ...]


def check(settings: Settings) -> None:
    """Raise Unfit at the first setting that another makes impossible, or idle."""
    policies = list(_policies(settings))
    for path, policy in policies:
        if policy.release == Release.FIRST_TOKEN.value and LABEL in dimensions(policy.slices or ()):
            raise Unfit(path, "release is first_token, but slices has label, which needs the whole answer")
        if SERVICE in (policy.ladder or ()) and settings.distiller.service is None:
            raise Unfit(path, "ladder has the rung service, but distiller.service names none")
        for name, model in _models(policy):
            if not any(fnmatchcase(model, glob) for one in settings.upstreams for glob in one.models):
                known = ", ".join(sorted({glob for one in settings.upstreams for glob in one.models}))
                raise Unfit(path, f"{name} is {model!r}, which no upstream serves; theirs: {known}")
    trainset = settings.distiller.trainset
    if trainset.given() and not any(policy.redact == NAMES for _, policy in policies):
        for name in ("names_model", "names_language"):
            if getattr(trainset, name) is not None:
                raise Unfit(
                    ("distiller", "trainset"),
                    f"{name} is set, but redact is {NAMES} in no policy: nobody reads it",
                )


def _policies(settings: Settings) -> Iterator[tuple[_Path, Policy]]:
    yield ("policy",), settings.policy
    for name, own in settings.tasks.items():
        yield ("tasks", name), settings.policy.under(own)


def _models(policy: Policy) -> Iterator[tuple[str, str]]:
    """Give the models that a policy has asked beside the app's own, by the name of the setting."""
    if policy.judge is not None:
        yield "judge.model", policy.judge.model
    if policy.optimizer_model:
        yield "optimizer_model", policy.optimizer_model
    if policy.finetune is not None and policy.finetune.teacher not in (None, REPLAY):
        yield "finetune.teacher", str(policy.finetune.teacher)
