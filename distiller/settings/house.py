"""When a task is ready to be distilled, and with what."""

from __future__ import annotations

from dataclasses import dataclass, field, replace

from distiller.hours import hours
from distiller.settings.checks import SettingsError, at_least
from distiller.settings.policies import TaskPolicy
from distiller.settings.serving import ServiceSettings, StudentSettings
from distiller.settings.training import TrainingSettings, TrainsetSettings

SCREEN_N = 200


@dataclass(frozen=True, kw_only=True, slots=True)
class DistillerSettings:
    """When a task is ready to distil, and with what."""

    schedule: str = "*/5 * * * *"  # crontab, local time: when ready tasks are looked for
    tick_s: float | None = None  # look every so many seconds instead of by `schedule`
    min_examples: int = 500  # complete calls
    min_passing: int = 200  # complete, valid and not judged bad
    min_baseline: float = 0.5  # mean score of the teacher, where one was measured
    min_new: float = 0.25  # share of new calls since the last try, of those it saw
    max_age_days: float | None = None  # days after which fewer new calls do; None: never
    max_usd: float = 10.0  # US dollars that a distillation may be estimated at and still begin by itself
    quiet_hours: str = ""  # "08:00-18:00": local hours in which no job runs
    heldout: float = 0.2  # share of the newest calls kept for evaluation
    screen_n: int = (
        SCREEN_N  # held-out conversations without which a screen, here and in a rollout, says nothing
    )
    heldout_min: int = 200  # passed conversations held out at least, where that many can be had
    heldout_max: int = 400  # more than this tells little and costs time
    attempts: int = 3  # of one job before it fails for good
    lease_s: float = 60.0
    evaluation_concurrency: int = 4
    score_limit: int = 2000  # attempts scored in one step
    scorer_timeout_s: float = 120.0  # for one batch, dspy's import included
    serve_timeout_s: float = 120.0  # until a student server must be healthy
    teacher_sample: int = 20  # answers looked at to infer a shape
    similarity: float = 0.6  # Jaccard over shingles above which a new prompt is a new version
    training: TrainingSettings = field(default_factory=TrainingSettings)
    trainset: TrainsetSettings = field(default_factory=TrainsetSettings)
    student: StudentSettings = field(default_factory=StudentSettings)
    service: ServiceSettings | None = None

    def of(self, policy: TaskPolicy) -> DistillerSettings:
        """Return these with a task's own hyperparameters laid over those for all tasks."""
        return replace(self, training=replace(self.training, **policy.finetune.train_kwargs))

    def __post_init__(self) -> None:
        """Raise SettingsError for a value out of range."""
        for key in ("min_examples", "min_passing", "attempts"):
            at_least(f"distiller.{key}", getattr(self, key), 1)
        try:
            hours(self.quiet_hours)
        except ValueError as error:
            raise SettingsError(f"distiller.quiet_hours: {error}.") from error
        for key in ("heldout_min", "heldout_max"):
            if getattr(self, key) < self.screen_n:
                raise SettingsError(
                    f"distiller.{key} is {getattr(self, key)}; the screen of a student needs "
                    f"{self.screen_n} held-out conversations."
                )
        if self.heldout_max < self.heldout_min:
            raise SettingsError(
                f"distiller.heldout_max is {self.heldout_max}; it must be at least heldout_min, {self.heldout_min}."
            )
        for key in ("min_baseline", "heldout", "similarity"):
            if not 0 <= getattr(self, key) < 1:
                raise SettingsError(
                    f"distiller.{key} is {getattr(self, key)}; it must be at least 0 and below 1."
                )
