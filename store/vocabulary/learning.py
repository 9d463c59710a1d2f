"""What the slow path deals in: tasks, scores, trainsets, students, evaluations, jobs."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from store.vocabulary.routing import Calibration, Capabilities, Program


class TaskMode(StrEnum):
    """How far Stillhouse may go by itself with a task."""

    AUTO = "auto"
    APPROVE = "approve"
    OBSERVE = "observe"


@dataclass(frozen=True, kw_only=True, slots=True)
class Task:
    """One recurring kind of call. Its id is its lineage: versions, alpha and trials belong to it."""

    task_id: str  # slug, unique: the explicit name, or one made from the instructions
    tenant: str = ""
    name: str  # what a person reads
    explicit: bool = False  # only calls that name it belong to it
    called: tuple[str, ...] = ()  # names that apps give it
    settings_of: tuple[str, ...] = ()  # names of the task that it was split from
    mode: TaskMode = TaskMode.APPROVE
    created: float = 0.0
    trials: int = 0  # k of the statistics; only ever grows
    last_version: int = 0  # the greatest number of a version that went to another task
    ignored: bool = False  # by an operator
    merged_into: str = ""  # id of the task that has its versions now

    @property
    def names(self) -> tuple[str, ...]:
        """Names under which settings may speak of it, nearest first: its id, what apps call it, its parent's."""
        return (self.task_id, *self.called, *self.settings_of)

    @property
    def left_alone(self) -> bool:
        """Whether it is neither scored, distilled nor listed."""
        return self.ignored or bool(self.merged_into)


@dataclass(frozen=True, kw_only=True, slots=True)
class TaskVersion:
    """One wording of a task. Several fingerprints may map to it."""

    task_id: str
    version: int
    head_hash: str  # hash of the constant part of the prompt (store/log prompts.hash)
    created: float = 0.0
    fingerprints: tuple[str, ...] = ()
    moved_from: str = ""  # `<task>@<version>` under which it was known before a merge or a split


class ScoreSource(StrEnum):
    """Where a score came from, most trusted first."""

    CORRECTION = "correction"  # compared with the answer that a user gave as the right one
    GOLD = "gold"  # a person, asked to audit a judge
    FEEDBACK = "feedback"  # a user, in a number
    SIGNAL = "signal"  # what a user did with the answer
    METRIC = "metric"  # the team's own function
    JUDGE = "judge"
    AGREEMENT = "agreement"  # with the teacher's own answer


@dataclass(frozen=True, kw_only=True, slots=True)
class Score:
    """A named, versioned judgement of one attempt. Missing is not zero."""

    attempt_id: str
    call_id: str
    name: str
    version: str
    value: float  # in [0, 1]
    source: ScoreSource
    ts: float  # when it was made; of what users said, when they said it
    reason: str | None = None
    position: float | None = (
        None  # of two answers compared in both orders: what the first place was worth, in [-1, 1]
    )
    propensity: float | None = (
        None  # probability with which a person was asked as well; None: never drawn for that
    )
    drawn: bool | None = None  # whether a person was


@dataclass(frozen=True, kw_only=True, slots=True)
class Exchange:
    """A call with one of its attempts, read back from the log for the slow path, in chat whatever their surfaces.

    What cannot be said in chat, or goes on from answers that the log does not have, is `untold`: then `request`
    is empty, and `answer` and `reference` are None.
    """

    call_id: str
    attempt_id: str
    seq: int  # order in the log
    ts: float
    fingerprint: str
    model: str
    unit: str
    user: str | None
    head_hash: str
    input_hash: str  # hash of the request less what cannot change the answer (user, metadata, stream)
    request: dict[str, Any]  # the canonical request, with all that was said before it
    answer: dict[str, Any] | None  # the whole completion object
    outcome: str
    who: str = "teacher"  # Who made this attempt
    role: str = "serve"
    reference: dict[str, Any] | None = None  # the teacher's complete answer to the same call, if any
    retry_count: int = 0
    key_id: str = ""  # salted hash of the credential that called
    correction: str | None = None  # latest corrected answer, if any
    correction_key: str | None = None  # key_id of who gave it
    feedback: float | None = None  # latest feedback score, if any
    feedback_key: str | None = None  # key_id of who gave it
    signal: float | None = None  # latest score of what the user did with the answer, if any
    signal_key: str | None = None  # key_id of who told it
    gold: float | None = None  # latest score of a person who was asked, if any
    score: float | None = None  # latest value of the score asked for, if any
    source: str | None = None  # ScoreSource of that
    before: tuple[str, ...] = ()  # ids of the calls that it goes on from at its upstream, oldest first
    untold: str = ""  # why chat cannot say it, in one snake_case word


@dataclass(frozen=True, kw_only=True, slots=True)
class Trainset:
    """A frozen, content-addressed set of rows. `train` and `heldout` share no unit, user, input or near-duplicate."""

    trainset_id: str  # sha256 of its canonical rows, hex
    task_id: str
    task_version: int
    created: float
    train: int  # rows
    heldout: int
    path: str  # folder below artifacts/
    card: dict[str, Any] = field(default_factory=dict)  # what went in, what was left out and why


class Engine(StrEnum):
    """What serves a student."""

    LLAMA = "llama"  # llama.cpp: `student.gguf`
    VLLM = (
        "vllm"  # a LoRA adapter that a running vLLM takes in: `adapter/`; the base alone where there is none
    )
    CLASSIFIER = "classifier"  # an encoder and a linear head: `classifier/`
    ENDPOINT = "endpoint"  # an OpenAI-compatible server that somebody else runs


@dataclass(frozen=True, kw_only=True, slots=True)
class Student:
    """An immutable recipe: base, weights, program, lineage, and where it is served."""

    student_id: str
    task_id: str
    task_version: int
    recipe: str  # the rung that made it (`distiller.recipes`)
    base: str  # name of the base model, or of the encoder
    trainset_id: str
    created: float
    weights: str | None = None  # folder below artifacts/: all that its server needs
    weights_sha256: str | None = None
    engine: Engine = Engine.LLAMA
    model: str = "student"  # model name that its server expects
    base_url: str = ""  # http://127.0.0.1:PORT/v1 when served locally; "" until served
    upstream: str = ""  # whose key its endpoint is called with; "": none is needed
    program: Program = field(default_factory=Program)
    capabilities: Capabilities = field(default_factory=Capabilities)
    training: dict[str, Any] = field(default_factory=dict)  # hyperparameters, loss, seconds, tokens
    parity: float | None = None  # share of held-out prompts with the same score as the trainer's
    calibration: Calibration | None = None  # of its confidence; None: not measured, or nothing to measure
    erased: float | None = None  # when somebody whose rows it learnt from asked to be forgotten

    @property
    def trainsets(self) -> tuple[str, ...]:
        """Ids of the trainsets that it learnt from: its own, then those of the tasks that were trained with it."""
        return (self.trainset_id, *self.training.get("beside", ()))


class Verdict(StrEnum):
    """Of an evaluation. Inconclusive and error never count as pass."""

    PASS = "pass"  # noqa: S105 - a verdict
    FAIL = "fail"
    INCONCLUSIVE = "inconclusive"
    ERROR = "error"


@dataclass(frozen=True, kw_only=True, slots=True)
class Evaluation:
    """Student against teacher on held-out calls."""

    evaluation_id: str
    student_id: str
    task_id: str
    created: float
    n: int
    student_mean: float | None
    teacher_mean: float | None
    delta_mean: float | None  # mean of D = student - teacher
    delta_lower: float | None  # 80% lower bound
    verdict: Verdict
    why: str
    detail: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True, slots=True)
class SelfAgreement:
    """How far a teacher agrees with itself, asked twice: the most that agreement with it can be."""

    task_id: str
    task_version: int
    metric: str
    metric_version: str
    ts: float
    n: int = 0  # answers compared
    mean: float | None = None  # in [0, 1]; None where it could not be measured
    lower: float = 0.0  # of the 95% interval
    upper: float = 1.0
    why: str = ""  # it could not be measured

    @property
    def key(self) -> tuple[str, int, str, str]:
        """What it was measured of."""
        return (self.task_id, self.task_version, self.metric, self.metric_version)


class JobKind(StrEnum):
    """Kinds of background work."""

    DISTILL = "distill"


class JobState(StrEnum):
    """A job's life."""

    QUEUED = "queued"
    RUNNING = "running"
    DONE = "done"
    FAILED = "failed"
    CANCELLED = "cancelled"


@dataclass(frozen=True, kw_only=True, slots=True)
class Job:
    """One piece of background work, resumable: `phase` is the next thing to do."""

    job_id: str
    kind: JobKind
    task_id: str
    due: float  # unique together with kind and task_id
    state: JobState = JobState.QUEUED
    phase: str = ""
    attempts: int = 0
    lease_until: float = 0.0
    progress: dict[str, Any] = field(default_factory=dict)  # phase, step, of, eta_s, loss, ...
    result: dict[str, Any] = field(default_factory=dict)  # trainset_id, student_id, ... as they come
    error: str | None = None
    created: float = 0.0
    updated: float = 0.0

    @property
    def trainsets(self) -> tuple[str, ...]:
        """Ids of the trainsets that it learns from, as far as they are frozen: its own, then its companions'."""
        frozen = (self.result, *(self.result.get("beside") or {}).values())
        return tuple(one["trainset_id"] for one in frozen if one.get("trainset_id"))


@dataclass(frozen=True, kw_only=True, slots=True)
class Server:
    """A student server that should be running on this machine. The supervisor makes it so."""

    student_id: str
    port: int
    weights: str  # absolute path of what the engine loads
    engine: Engine = Engine.LLAMA
    url: str = ""  # base URL of the vLLM that holds the adapter
    parallel: int = 4
    context: int = 4096  # tokens for one request
    threads: int = 2
    wanted: bool = True
    pid: int | None = None  # as the supervisor last saw it
