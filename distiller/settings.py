"""What a user may choose about the slow path, with defaults. Knows no file format and reads no environment."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, fields, replace
from typing import Any

from distiller.hours import hours
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
SERVICES = ("openai", "together", "fireworks")
SCREEN_N = 200
SIGNALS = {  # what an app may tell of an answer's fate, and what that says of the answer
    "accepted": 1.0,
    "copied": 0.9,
    "edited": 0.5,
    "abandoned": 0.2,
    "regenerated": 0.1,
    "escalated": 0.0,
}
REDACT = ("off", "secrets", "personal", "names")
USER_METRIC = "python:"  # "python:package.module:function"
VERBATIM = "verbatim"
REPLAY = "replay"
MOST_THREADS = 32


class SettingsError(ValueError):
    """A value that cannot be: one sentence that names the key."""


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
                _at_least(f"training.{key}", getattr(self, key), 1)
        for key in ("patience", "adapt_layers"):
            _at_least(f"training.{key}", getattr(self, key), 0)
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
        if self.metric and not _dotted(self.metric):
            raise SettingsError(
                f"finetune.metric is {self.metric!r}; it must be python:package.module:function."
            )
        if self.adapter != VERBATIM and not _dotted(self.adapter):
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
        _at_least("trainset.near_rows", self.near_rows, 1)


@dataclass(frozen=True, kw_only=True, slots=True)
class ServiceSettings:
    """A fine-tuning service, for the rung `service`."""

    kind: str  # openai (and what speaks its API) | together | fireworks
    upstream: str  # by whose key it is called, and which answers for the tuned model
    model: str  # the base, as the service calls it
    base_url: str = ""  # of the upstream's chat; filled in by whoever knows upstreams
    suffix: str = "stillhouse"
    account: str = ""  # fireworks
    usd_per_million: float = 25.0  # US dollars for a million trained tokens: an estimate may rather be high
    max_usd: float = 10.0
    max_hours: float = 24.0

    def __post_init__(self) -> None:
        """Raise SettingsError for what no service can do."""
        if self.kind not in SERVICES:
            raise SettingsError(f"service.kind is {self.kind!r}; choose {', '.join(SERVICES)}.")
        if self.kind == "fireworks" and not self.account:
            raise SettingsError("service.account is missing: fireworks has it in its paths.")


@dataclass(frozen=True, kw_only=True, slots=True)
class VllmSettings:
    """A vLLM that serves what is trained here: `vllm serve MODEL --enable-lora`, with runtime updates allowed."""

    url: str  # its root; the students' folder is read by it under the same path as by us
    model: str  # the base model's name there, for students without weights of their own

    def __post_init__(self) -> None:
        """Keep the root alone, and raise SettingsError for what is no address."""
        if not self.url.startswith(("http://", "https://")):
            raise SettingsError(f"student.vllm.url is {self.url!r}; it must begin with http:// or https://.")
        object.__setattr__(self, "url", self.url.rstrip("/").removesuffix("/v1"))


@dataclass(frozen=True, kw_only=True, slots=True)
class StudentSettings:
    """The local base model, and how students are trained and served on this machine."""

    base: str = "smollm2-135m-instruct"
    encoder: str = "all-minilm-l6-v2"  # of classifiers: that, or the folder of a BERT-like sentence encoder
    device: str = "auto"  # auto | cpu | cuda
    threads: int = 2
    usd_per_hour: float = 0.0  # US dollars that this machine costs, while it trains or keeps a student loaded
    parallel: int = 4  # requests that one server answers at once
    context: int = 2048  # tokens of one request, prompt and answer together
    vllm: VllmSettings | None = None  # serves language-model students in place of llama.cpp here

    def __post_init__(self) -> None:
        """Raise SettingsError for what cannot be served."""
        if self.device not in ("auto", "cpu", "cuda"):
            raise SettingsError(f"student.device is {self.device!r}; choose auto, cpu or cuda.")
        for key in ("threads", "parallel", "context"):
            _at_least(f"student.{key}", getattr(self, key), 1)


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
        if self.metric not in METRICS and not _dotted(self.metric):
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
            _at_least(f"distiller.{key}", getattr(self, key), 1)
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


def _dotted(metric: str) -> bool:
    """Tell whether a name has the form python:package.module:function."""
    module, _, function = metric.removeprefix(USER_METRIC).partition(":")
    names = [*module.split("."), function]
    return metric.startswith(USER_METRIC) and all(name.isidentifier() for name in names)


def _check_ladder(ladder: tuple[str, ...]) -> None:
    """Raise SettingsError for a ladder that cannot be climbed."""
    if not ladder or (unknown := [name for name in ladder if name not in RUNGS]):
        what = f"names {unknown[0]!r}" if ladder else "is empty"
        raise SettingsError(f"ladder {what}; choose of {', '.join(RUNGS)}, in the order to try them.")
    if len(set(ladder)) < len(ladder):
        raise SettingsError(f"ladder names a rung twice: {', '.join(ladder)}.")


def _at_least(key: str, value: int, least: int) -> None:
    """Raise SettingsError when `value` is below `least`."""
    if value < least:
        raise SettingsError(f"{key} is {value}; it must be at least {least}.")
