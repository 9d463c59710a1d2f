"""A rollout on its way, what is watched beside it, and each step that it took."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from store.vocabulary.routing import State, Unit


@dataclass(frozen=True, kw_only=True, slots=True)
class Terms:
    """What a rollout's differences are made by, fixed when it begins."""

    slo_ms: float = 10_000.0  # latency objective
    slo_why: str = ""  # where it comes from
    ceiling: float = 1.0  # T: the score of a teacher that is compared with itself
    ceiling_n: int = 0  # answers that it was measured on; 0: assumed
    agreement: bool = False  # scores are agreement with the teacher
    judged: bool = False  # scores come from a judge
    gold: float = 0.0  # share of calls whose labels by people correct the judge; 0: none do


@dataclass(frozen=True, kw_only=True, slots=True)
class Rollout:
    """One cutover of one task version to one student: the persisted state of the machine."""

    rollout_id: str
    task_id: str
    task_version: int
    student_id: str
    trial: int  # k, from 1
    state: State
    held_from: State | None = None  # where HOLD returns to
    held_for: tuple[str, ...] = ()  # causes of a hold, oldest first (`router.decision.Cause`)
    serving: bool = True  # False: share 0 while held (breaker, safety causes)
    voiding: bool = False  # what is drawn while it is held counts nowhere
    delta: float = 0.03
    alpha: float = 0.05  # of the task, for life
    profile: str = "standard"  # or "replay"
    mode: str = "auto"
    salt: str = ""
    created: float = 0.0
    entered: float = 0.0  # when the current state was entered (max-seen time)
    unit: Unit = Unit.CONVERSATION  # fixed when it is first shadowed
    since: float = 0.0  # when the evidence of this trial began (max-seen time)
    since_seq: int = 0  # log sequence after which it begins
    consumed_seq: int = 0  # log sequence up to which scores of pairs were counted
    counted_seq: dict[str, int] = field(default_factory=dict)  # and, by stream, what is beside them
    listening: dict[str, Any] = field(default_factory=dict)  # to users: router/streams/listening, JSON
    waived: tuple[str, ...] = ()  # gates that an operator lets be
    terms: Terms = field(default_factory=Terms)
    evidence: dict[str, Any] = field(default_factory=dict)  # router/evidence, JSON counts
    reason: str = ""
    partial: bool = False  # the whole task was refused: only answers sure enough may go out
    thresholds: tuple[float, ...] = ()  # candidates, strictest first, fixed when the trial began
    threshold: float | None = None  # the one that is published
    slicers: tuple[str, ...] = ()  # dimensions and declared slices, fixed when it began
    excluded: dict[str, str] = field(
        default_factory=dict
    )  # slices that the teacher keeps: "harm" or "operator"


class WatchKind(StrEnum):
    """What of a live rollout is watched besides its pairs."""

    INPUTS = "inputs"  # whether requests are still those that the student was tried on
    TEACHER_ANSWERS = "teacher_answers"  # the shape of the teacher's answers
    STUDENT_ANSWERS = "student_answers"
    TEACHER = "teacher"  # what it calls itself
    PROBES = "probes"  # whether it still answers a frozen set of requests as it did
    SCORER = "scorer"  # which version of its metric or judge what is counted was scored by


@dataclass(frozen=True, kw_only=True, slots=True)
class Watch:
    """How far one thing about a rollout was watched, as counts. No text of a call is in it."""

    rollout_id: str
    kind: WatchKind
    seq: int = 0  # log sequence up to which calls were looked at
    state: dict[str, Any] = field(default_factory=dict)  # router/drift, JSON
    updated: float = 0.0


@dataclass(frozen=True, kw_only=True, slots=True)
class Transition:
    """One decision, append-only, with everything it was made from."""

    transition_id: str
    rollout_id: str
    task_id: str
    ts: float
    source: State  # from
    target: State  # to
    cause: str  # snake_case word: gate_passed, harm, late_regression, breaker, operator, cap, ...
    why: str  # one plain sentence with the figures
    share: float
    epoch: int
    inputs: dict[str, Any] = field(default_factory=dict)  # counts, statistics, versions, hashes
    actor: str = "controller"
