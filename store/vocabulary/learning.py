"""Trainsets, students, evaluations, and the jobs that make them."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from store.vocabulary.abilities import Calibration, Capabilities, Program


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
