"""What tasks may do, and how their answers are scored."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from distiller.settings.checks import SettingsError, dotted
from distiller.settings.training import FinetuneSettings
from store.vocabulary import Task, TaskMode

METRICS = ("auto", "label", "fields", "tool_call", "text", "judge")
RUNGS = (
    "base",
    "classifier",
    "fewshot",
    "instructions",
    "internalised",
    "finetune",
    "both",
    "service",
)  # all there are (`distiller.recipes`)
LADDER = ("base", "classifier", "finetune")
SIGNALS = {  # what an app may tell of an answer's fate, and what that says of the answer
    "accepted": 1.0,
    "copied": 0.9,
    "edited": 0.5,
    "abandoned": 0.2,
    "regenerated": 0.1,
    "escalated": 0.0,
}
REDACT = ("off", "secrets", "personal", "names")


@dataclass(frozen=True, kw_only=True, slots=True)
class JudgeSettings:
    """A model that scores answers, reached over an OpenAI-compatible API."""

    model: str
    base_url: str = ""  # "" = control's own loopback proxy
    criteria: str = "The candidate answer is correct, complete and as useful as the reference answer."
    timeout_s: float = 60.0
    sample: float = 0.2  # share of calls outside pairs whose answers are judged, for the baseline
    gold: float = 0.05  # share of the judged calls that a person is asked about, to audit the judge
    corrected: bool = False  # what they say corrects the judge where a rollout is decided
    concurrency: int = 4

    def __post_init__(self) -> None:
        """Raise SettingsError for a share that is none."""
        for key in ("sample", "gold"):
            if not 0 <= getattr(self, key) <= 1:
                raise SettingsError(f"judge.{key} is {getattr(self, key)}; it must lie between 0 and 1.")


@dataclass(frozen=True, kw_only=True, slots=True)
class TaskPolicy:
    """What one task may do and how its answers are scored.

    `mode`: of `Policies.mode`, which says what it means for all tasks and for one.
    """

    mode: TaskMode | None = None
    metric: str = "auto"  # one of METRICS, or "python:package.module:function"
    judge: JudgeSettings | None = None
    threshold: float = 0.5  # an answer passes when its score is at least this
    delta: float = 0.03  # margin within which a student counts as equal
    ladder: tuple[str, ...] = LADDER  # rungs to try, cheapest first; the first that passes is rolled out
    optimizer_model: str = ""  # rewrites instructions for the student; "": none does
    optimizer_usd: float = (
        2.0  # US dollars that one distillation may spend on models that rewrite prompts or teach
    )
    finetune: FinetuneSettings = field(default_factory=FinetuneSettings)
    timeout_s: float = 10.0  # of one student answer, as when it serves
    self_agreement: int = 50  # recent calls on which the teacher is asked again; 0: never
    self_agreement_usd: float = 0.5  # US dollars that this may cost, for each version of a task
    signals: Mapping[str, float] = field(default_factory=lambda: dict(SIGNALS))  # scores in [0, 1], by signal
    redact: str = "personal"  # one of REDACT: what is taken out of the rows of a trainset

    def __post_init__(self) -> None:
        """Raise SettingsError for an unknown metric or a value out of range."""
        if self.metric not in METRICS and not dotted(self.metric):
            choices = ", ".join(METRICS)
            raise SettingsError(
                f"metric is {self.metric!r}; choose {choices} or python:package.module:function."
            )
        if self.metric == "judge" and self.judge is None:
            raise SettingsError("metric is judge, but no judge model is configured (policy.judge.model).")
        _check_ladder(self.ladder)
        if self.self_agreement < 0 or self.self_agreement_usd < 0:
            raise SettingsError("self_agreement and self_agreement_usd must be at least 0.")
        for word, value in self.signals.items():
            if not 0 <= value <= 1:
                raise SettingsError(f"signals.{word} is {value}; it must lie between 0 and 1.")
        if self.redact not in REDACT:
            raise SettingsError(f"redact is {self.redact!r}; choose {', '.join(REDACT)}.")
        for key in ("threshold", "delta"):
            if not 0 < getattr(self, key) <= 1:
                raise SettingsError(f"{key} is {getattr(self, key)}; it must lie above 0 and be at most 1.")


@dataclass(frozen=True, kw_only=True, slots=True)
class Policies:
    """The policy of each task: its own, by one of its names, else the default. In `tasks`, a mode is the task's own or None."""

    default: TaskPolicy = field(default_factory=TaskPolicy)
    tasks: dict[str, TaskPolicy] = field(default_factory=dict)

    def of(self, task: Task | None) -> TaskPolicy:
        """Return the policy of a task; of none, the default."""
        return self._own(task) or self.default

    def mode(self, task: Task, *, closed: bool, headless: bool = False) -> TaskMode:
        """Return how far a task may go.

        A task's own mode holds. For all tasks, auto (and none) is auto where the answers are `closed`, else
        approve: nobody meant a text that only a model can judge, who said auto of all. Calls that share
        nothing but a model (`headless`) teach nothing and are observed.
        """
        own = self._own(task)
        if own is not None and own.mode is not None:
            return own.mode
        if headless:
            return TaskMode.OBSERVE
        if self.default.mode in (None, TaskMode.AUTO):
            return TaskMode.AUTO if closed else TaskMode.APPROVE
        return self.default.mode

    def _own(self, task: Task | None) -> TaskPolicy | None:
        names = task.names if task else ()
        return next((self.tasks[name] for name in names if name in self.tasks), None)


def _check_ladder(ladder: tuple[str, ...]) -> None:
    """Raise SettingsError for a ladder that cannot be climbed."""
    if not ladder or (unknown := [name for name in ladder if name not in RUNGS]):
        what = f"names {unknown[0]!r}" if ladder else "is empty"
        raise SettingsError(f"ladder {what}; choose of {', '.join(RUNGS)}, in the order to try them.")
    if len(set(ladder)) < len(ladder):
        raise SettingsError(f"ladder names a rung twice: {', '.join(ladder)}.")
