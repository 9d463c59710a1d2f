"""What is trained on, and how."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from typing import Any

from distiller.settings.checks import SettingsError, at_least, dotted

VERBATIM = "verbatim"
REPLAY = "replay"
MOST_THREADS = 32


@dataclass(frozen=True, kw_only=True, slots=True)
class TrainingSettings:
    """Hyperparameters of the fine-tuned recipe."""

    epochs: int | None = (
        None  # None here, in `lr` and in `batch`: it follows the number of rows (docs/student.md)
    )
    lr: float | None = None
    rank: int = 16  # of the LoRA adapter
    batch: int | None = None  # rows in one optimiser step
    patience: int = (
        3  # checks without a better loss on rows set aside after which training stops; 0: no checks
    )
    adapt_layers: int = 0  # adapt only so many top layers, and compute those below once; 0: adapt all
    precision: str = "auto"  # of the frozen base: auto (bf16 where the device computes in it) | fp32 | bf16
    four_bit: bool = False  # QLoRA; needs CUDA
    max_length: int = 1024  # tokens of one row; longer rows are left out
    max_rows: int = 4000  # rows that are trained on: some of each kind, then the newest
    seed: int = 0

    def __post_init__(self) -> None:
        """Raise SettingsError for what cannot be trained with."""
        for key in ("epochs", "rank", "batch", "max_length", "max_rows"):
            if getattr(self, key) is not None:
                at_least(f"training.{key}", getattr(self, key), 1)
        for key in ("patience", "adapt_layers"):
            at_least(f"training.{key}", getattr(self, key), 0)
        if self.precision not in ("auto", "fp32", "bf16"):
            raise SettingsError(f"training.precision is {self.precision!r}; choose auto, fp32 or bf16.")
        if self.lr is not None and not 0 < self.lr < 1:
            raise SettingsError(f"training.lr is {self.lr}; it must lie between 0 and 1.")


@dataclass(frozen=True, kw_only=True, slots=True)
class FinetuneSettings:
    """The parameters of DSPy's BootstrapFinetune, for one task (docs/ladder.md)."""

    metric: str = ""  # "python:package.module:function", in place of whether the logged answer passed
    multitask: bool = True  # one training for the task and those of `train_with`
    train_with: tuple[str, ...] = ()  # names of tasks of the same tenant
    exclude_demos: bool = False
    num_threads: int = 1  # rows that are bootstrapped at a time
    adapter: str = VERBATIM  # that, or "python:package.module:Class"
    teacher: str = REPLAY  # that, the log itself, or the name of a model to ask
    train_kwargs: Mapping[str, Any] = field(default_factory=dict)  # TrainingSettings that the task has itself

    def __post_init__(self) -> None:
        """Raise SettingsError for what BootstrapFinetune cannot be called with."""
        if self.metric and not dotted(self.metric):
            raise SettingsError(
                f"finetune.metric is {self.metric!r}; it must be python:package.module:function."
            )
        if self.adapter != VERBATIM and not dotted(self.adapter):
            raise SettingsError(
                f"finetune.adapter is {self.adapter!r}; it must be {VERBATIM} or python:package.module:Class."
            )
        if not 1 <= self.num_threads <= MOST_THREADS:
            raise SettingsError(
                f"finetune.num_threads is {self.num_threads}; it must lie between 1 and {MOST_THREADS}."
            )
        if self.train_with and (self.metric or self.live):
            raise SettingsError(
                "finetune.train_with goes with what the log says of each task: it has no metric and no teacher beside it."
            )
        if not self.teacher:
            raise SettingsError(f"finetune.teacher is empty; choose {REPLAY} or the name of a model.")
        known = {each.name for each in fields(TrainingSettings)}
        if unknown := sorted(set(self.train_kwargs) - known):
            raise SettingsError(f"finetune.train_kwargs has an unknown key, {unknown[0]!r}.")
        TrainingSettings(**self.train_kwargs)

    @property
    def companions(self) -> tuple[str, ...]:
        """Names of the tasks whose rows are trained on, too."""
        return self.train_with if self.multitask else ()

    @property
    def live(self) -> bool:
        """Whether a model is asked for the answers to learn from."""
        return self.teacher != REPLAY


@dataclass(frozen=True, kw_only=True, slots=True)
class TrainsetSettings:
    """What may be in a trainset, and how much of it by whom."""

    feedback_share: float = 0.02  # of all rows, in which one key's or user's feedback counts: less than delta
    user_share: float = 0.05  # of the train rows that may be one user's
    key_share: float = 0.5  # of `training.max_rows` that may be one key's, while others fill the rest
    near_rows: int = 3  # train rows that say nearly the same and are answered the same
    names_model: str = "en_core_web_lg"  # spaCy model that finds names, where redact is names
    names_language: str = "en"  # of that model

    def __post_init__(self) -> None:
        """Raise SettingsError for a share that is none."""
        for key in ("feedback_share", "user_share", "key_share"):
            if not 0 < getattr(self, key) <= 1:
                raise SettingsError(
                    f"trainset.{key} is {getattr(self, key)}; it must lie above 0 and be at most 1."
                )
        at_least("trainset.near_rows", self.near_rows, 1)
