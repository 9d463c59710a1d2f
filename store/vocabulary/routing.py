"""Who is asked: the states of a rollout, and the routes that are published."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum

from store.vocabulary.abilities import Calibration, Capabilities, Program


class State(StrEnum):
    """States of a rollout (`docs/cutover.md`)."""

    DRAFT = "draft"
    OFFLINE = "offline"
    SHADOW = "shadow"
    AWAITING_APPROVAL = "awaiting_approval"
    CANARY_1 = "canary_1"
    CANARY_5 = "canary_5"
    CANARY_25 = "canary_25"
    CANARY_50 = "canary_50"
    FULL = "full"
    HOLD = "hold"
    ROLLING_BACK = "rolling_back"
    ROLLED_BACK = "rolled_back"
    INCONCLUSIVE = "inconclusive"
    REJECTED = "rejected"
    SUPERSEDED = "superseded"


class Unit(StrEnum):
    """What is assigned as a whole to the teacher or to the student."""

    CONVERSATION = "conversation"
    USER = "user"  # as the app names it; of a call without one, its conversation


class Release(StrEnum):
    """When a student's bytes go out: after the whole answer was validated, or at the first token."""

    WHOLE = "whole"
    FIRST_TOKEN = "first_token"  # noqa: S105 - of an answer


@dataclass(frozen=True, kw_only=True, slots=True)
class Route:
    """The published weights of one task version: all that a gateway needs to choose."""

    task_id: str
    task_version: int
    fingerprints: tuple[str, ...]
    rollout_id: str
    student_id: str
    step: State
    share: float  # student's share of calls, in [0, 1]; 0 means none
    holdback: float  # permanent teacher share at the top end of the unit interval
    salt: str  # one per trial
    shadow: float  # share of teacher-served calls paired with the student
    reverse_shadow: float  # share of student-served calls paired with the teacher
    base_url: str  # of the student's OpenAI-compatible server
    model: str
    timeout_s: float = 30.0
    program: Program = field(default_factory=Program)
    upstream: str = ""  # whose key the student is called with; "": none is needed
    release: Release = Release.WHOLE
    capabilities: Capabilities = field(default_factory=Capabilities)
    calibration: Calibration | None = None  # given: the student is asked for log-probabilities
    threshold: float | None = (
        None  # an answer less sure is the teacher's to give; None: every answer goes out
    )
    unit: Unit = Unit.CONVERSATION
    slicers: tuple[str, ...] = ()  # dimensions of a request that are computed, and logged with its choice
    excluded: tuple[str, ...] = ()  # slices that the teacher keeps, and that are not compared
    unproven: tuple[str, ...] = ()  # slices that the teacher keeps until enough of theirs were compared
    epoch: int = 0  # fencing epoch under which it was written
    updated: float = 0.0
