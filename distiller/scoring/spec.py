"""Which metric judges a task, and what goes to the scorer and comes back. Knows no process."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any, Protocol

from distiller.scoring.shape import Shape
from distiller.settings import USER_METRIC, JudgeSettings, TaskPolicy
from store.vocabulary import ScoreSource


@dataclass(frozen=True, kw_only=True, slots=True)
class MetricSpec:
    """A metric by name; `judge` and `token` only where a model judges."""

    name: str  # a built-in's name, "judge", or "python:package.module:function"
    judge: JudgeSettings | None = None
    token: str = ""  # bearer of the judge's base URL; travels on a pipe, is never stored

    @property
    def by_user(self) -> bool:
        """Tell whether the metric is a user's own function."""
        return self.name.startswith(USER_METRIC)

    @property
    def agreement(self) -> bool:
        """Tell whether the metric compares with the teacher, so that the teacher itself has 1.0."""
        return self.judge is None and not self.by_user

    @property
    def source(self) -> ScoreSource:
        """Return where its scores come from, a correction apart."""
        if self.judge is not None:
            return ScoreSource.JUDGE
        return ScoreSource.METRIC if self.by_user else ScoreSource.AGREEMENT

    def to_json(self) -> dict[str, Any]:
        """Return it as a JSON object."""
        return asdict(self)

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> MetricSpec:
        """Return it from its JSON object."""
        judge = data.get("judge")
        return cls(
            name=data["name"], judge=JudgeSettings(**judge) if judge else None, token=data.get("token", "")
        )


@dataclass(frozen=True, kw_only=True, slots=True)
class Item:
    """One answer to score; messages are assistant messages, `reference` None where there is none.

    `rival` is the other half of a pair: a judge, who is shown no reference that nobody gave, compares the two.
    """

    request: dict[str, Any]
    reference: dict[str, Any] | None
    candidate: dict[str, Any]
    rival: dict[str, Any] | None = None
    call_id: str = ""  # of the call that was answered


@dataclass(frozen=True, kw_only=True, slots=True)
class Scored:
    """A value in [0, 1], or None with the reason: unscored is not zero."""

    value: float | None
    reason: str | None = None
    position: float | None = None  # as in Score


class Scorer(Protocol):
    """Scores answers. Raises ScorerUnavailable where nothing could be scored at all."""

    async def version(self, spec: MetricSpec) -> str:
        """Return the version of a metric: another version may give other values."""
        ...

    async def score(self, spec: MetricSpec, items: list[Item]) -> list[Scored]:
        """Return one result for each item, in order."""
        ...


class ScorerUnavailable(Exception):  # noqa: N818 - a state, not a fault of the caller
    """The scorer process does not answer, or cannot load the metric; one sentence says why."""


def choose(policy: TaskPolicy, shape: Shape, token: str = "") -> MetricSpec:
    """Return the metric that a policy asks for; `auto` takes that of the answers' shape."""
    if policy.metric == "judge":
        return MetricSpec(name="judge", judge=policy.judge, token=token)
    return MetricSpec(name=shape.value if policy.metric == "auto" else policy.metric)
