"""The settings of what makes students. Knows no file."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from stillhouse.settings.kinds import Branch, Name, Positive, Real, Seconds, Share, Usd, Whole


class Vllm(Branch):
    """A vLLM that serves the students."""

    url: Name
    model: Name  # the base model's name there


class Student(Branch):
    """The base model, and how students are trained and served on this machine."""

    base: Name | None = None
    encoder: Name | None = None
    device: Literal["auto", "cpu", "cuda"] | None = None
    threads: Positive | None = None
    parallel: Positive | None = None
    context: Annotated[Whole, Field(ge=64)] | None = None  # tokens of one request
    usd_per_hour: Annotated[Real, Field(ge=0)] | None = None
    vllm: Vllm | None = None


class Training(Branch):
    """Hyperparameters of the adapter."""

    epochs: Positive | None = None
    lr: Annotated[Real, Field(gt=0, lt=1)] | None = None
    rank: Positive | None = None
    batch: Positive | None = None
    patience: Whole | None = None
    adapt_layers: Whole | None = None
    precision: Literal["auto", "fp32", "bf16"] | None = None
    four_bit: bool | None = None
    max_length: Positive | None = None
    max_rows: Positive | None = None
    seed: Whole | None = None


class Trainset(Branch):
    """What may be in a trainset, and how much of it by whom."""

    feedback_share: Share | None = None
    user_share: Share | None = None
    key_share: Share | None = None
    near_rows: Positive | None = None
    names_model: Name | None = None  # a spaCy model, where redact is names
    names_language: Name | None = None


class Service(Branch):
    """A fine-tuning service, for the rung `service`."""

    kind: Literal["openai", "together", "fireworks"]
    upstream: Name  # of `upstreams`: by whose key it is called
    model: Name
    suffix: Annotated[str, Field(pattern=r"^[A-Za-z0-9-]{1,20}$")] | None = None
    account: Name | None = None
    usd_per_million: Annotated[Real, Field(ge=0)] | None = None
    max_usd: Annotated[Real, Field(ge=0)] | None = None
    max_hours: Annotated[Real, Field(gt=0)] | None = None


class Distiller(Branch):
    """When a task is ready to be distilled, and with what."""

    schedule: str | None = None  # crontab, or "every 30s"
    tick_s: Seconds | None = None
    min_examples: Positive | None = None
    min_passing: Positive | None = None
    min_baseline: Share | None = None
    min_new: Share | None = None
    max_age_days: Annotated[Real, Field(gt=0)] | None = None
    max_usd: Annotated[Real, Field(ge=0)] | None = None
    quiet_hours: str | None = None
    heldout: Share | None = None
    heldout_min: Positive | None = None
    heldout_max: Positive | None = None
    attempts: Positive | None = None
    similarity: Share | None = None
    background_usd_per_day: Annotated[Real, Field(ge=0)] = 5.0  # for all judges together
    usd_per_day: Usd | None = (
        None  # for whatever the house asks models by itself; None: each has its own budget only
    )
    training: Training = Training()
    trainset: Trainset = Trainset()
    service: Service | None = None
