"""The settings of a task: how it is scored, taught, and cut over. Knows no file."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BeforeValidator, Field

from stillhouse.settings.kinds import (
    Branch,
    Margin,
    Name,
    Positive,
    Real,
    Seconds,
    Share,
    Signal,
    Step,
    Usd,
    Whole,
)
from stillhouse.settings.learning import Training


def _off(value: object) -> object:
    """Read YAML's `off`, which is false there, as the word that was meant."""
    return "off" if value is False else value


class Judge(Branch):
    """A model that scores answers, through a configured upstream."""

    model: Name
    criteria: str | None = None
    timeout_s: Seconds | None = None
    concurrency: Positive | None = None
    sample: Share | None = None
    gold: Share | None = None  # of the judged calls, for a person to label


class Finetune(Branch):
    """The parameters of DSPy's BootstrapFinetune, for one task or for all."""

    metric: Name | None = None
    multitask: bool | None = None
    train_with: tuple[Name, ...] | None = None
    exclude_demos: bool | None = None
    num_threads: Positive | None = None
    adapter: Name | None = None
    teacher: Name | None = None
    train_kwargs: Training | None = None


class Drift(Branch):
    """How a live rollout's inputs, answers and teacher are watched."""

    enabled: bool | None = None
    tolerance: Annotated[Real, Field(gt=0, lt=1)] | None = None
    probes: Annotated[Whole, Field(ge=0, le=1000)] | None = (
        None  # requests that the teacher is asked again a day
    )
    probe_usd_per_day: Usd | None = None  # for each rollout


class Policy(Branch):
    """How far Stillhouse may go with a task, and on what evidence. `policy` is for all tasks, `tasks` for one."""

    mode: Literal["auto", "approve", "observe"] | None = None
    metric: Name | None = None
    judge: Judge | None = None
    threshold: Annotated[Real, Field(gt=0, le=1)] | None = None
    ladder: tuple[Name, ...] | None = None
    optimizer_model: Name | None = None
    redact: Annotated[Literal["off", "secrets", "personal", "names"], BeforeValidator(_off)] | None = None
    optimizer_usd: Annotated[Real, Field(ge=0)] | None = None
    finetune: Finetune | None = None
    timeout_s: Seconds | None = None
    self_agreement: Annotated[Whole, Field(ge=0, le=1000)] | None = (
        None  # calls that the teacher is asked again
    )
    self_agreement_usd: Usd | None = None
    signals: dict[Signal, Share] | None = None  # by what an app tells of an answer's fate
    drift: Drift | None = None
    delta: Annotated[Real, Field(gt=0, lt=1)] | None = None
    slices: tuple[Name, ...] | None = None  # dimensions, and declared slices `dimension:value`
    delta_slice: Margin | None = None
    alpha: Annotated[Real, Field(gt=0, lt=1)] | None = None
    profile: Literal["standard", "replay"] | None = None
    holdback: Annotated[Real, Field(ge=0, le=0.5)] | None = None
    shadow_usd_per_day: Annotated[Real, Field(ge=0)] | None = None
    unknown_usd_per_call: Annotated[Real, Field(ge=0)] | None = None
    shadow: Share | None = None
    ramp_shadow: Share | None = None  # None: as shadow
    shadow_per_served: dict[Step, Annotated[Real, Field(ge=0)]] | None = None  # by step
    minima: dict[Step, Positive] | None = None  # pairs, by step
    caps: dict[Step, Positive] | None = None  # pairs, by step
    dwell_s: Annotated[Real, Field(ge=0)] | None = None
    score_timeout_s: Seconds | None = None
    conversation_s: Annotated[Real, Field(ge=0)] | None = None
    hold_limit_s: Seconds | None = None
    gone_s: Seconds | None = None
    partial: bool | None = None  # where the whole task is refused, the calls that a student is sure of
    unit: Literal["conversation", "user"] | None = None  # what is assigned as a whole
    error_delta: Margin | None = None
    format_delta: Margin | None = None
    latency_delta: Margin | None = None
    feedback_delta: Margin | None = None
    latency_slo_s: Seconds | None = None  # None: the teacher's own
    feedback_window_s: Seconds | None = None
    gold_audit: Annotated[Real, Field(gt=0.01, lt=1)] | None = None  # None: no label corrects the judge
    label_timeout_s: Seconds | None = None
    release: Literal["whole", "first_token"] | None = None
    stored: bool | None = None
    retention_days: Annotated[Real, Field(gt=0)] | None = None  # None: as retention.days

    def under(self, own: Policy) -> Policy:
        """Give this policy with another's own keys laid over it."""
        return self.model_copy(update=own.given())
