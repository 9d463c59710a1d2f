"""What was seen of calls: what observations are made from, and they themselves."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Any


class Stream(StrEnum):
    """What an observation is about. Only `score` promotes; the others can only take a student off."""

    SCORE = "score"  # how much better the student is
    ERROR = "error"  # and from here on, how much worse: its server failed
    FORMAT = "format"  # its answer could not go out
    LATENCY = "latency"  # its answer was not there within the latency objective
    FEEDBACK = "feedback"  # users said something bad: unpaired


@dataclass(frozen=True, kw_only=True, slots=True)
class Input:
    """What an app asked with, in chat whatever its surface, as far as its own request says it."""

    seq: int
    call_id: str
    ts: float
    unit: str
    request: dict[str, Any]


@dataclass(frozen=True, kw_only=True, slots=True)
class Reply:
    """What one attempt answered, in chat whatever its surface."""

    seq: int  # of its call
    call_id: str
    attempt_id: str
    ts: float  # of its call
    unit: str
    reason: str  # of the call's choice
    who: str  # Who
    role: str
    upstream: str
    student_id: str | None
    outcome: str
    completion: dict[str, Any] | None  # None where there is none, or chat cannot say it


@dataclass(frozen=True, kw_only=True, slots=True)
class Exposure:
    """Calls that were given to a student."""

    calls: int
    seq: int  # of the latest, in the log's order


@dataclass(frozen=True, kw_only=True, slots=True)
class Deferred:
    """Calls whose answer by a student was given up for the teacher's. Milliseconds are medians, None of none."""

    calls: int
    vain_ms: float | None  # until the answer that did not go out was there
    whole_ms: float | None  # that, and the teacher's answer after it
    direct_ms: float | None  # of the teacher's answers where he was asked at once
    usd: float  # what the student's answers cost, of those whose price is known
    unpriced: int  # those whose price is not


@dataclass(frozen=True, kw_only=True, slots=True)
class Heard:
    """A call that fell to student or teacher by the draw, with what users said of the answer. Ordered by `seq`."""

    seq: int
    call_id: str
    ts: float
    step: str
    served_by: str  # Who was drawn, whoever answered in the end
    unit: str
    bad: bool  # something bad was said in time; silence is not
    slices: tuple[str, ...] = ()


class ObservationKind(StrEnum):
    """What became of a drawn pair."""

    PAIRED = "paired"
    MISSING = "missing"  # an attempt or a score never came
    VOID = "void"  # declared outage, or a duplicate: counts nowhere


@dataclass(frozen=True, kw_only=True, slots=True)
class Drawn:
    """A call whose intent drew a pair, as the log has it now. Ordered by `seq`."""

    seq: int  # order in the log, contiguous resolution is by it
    call_id: str
    ts: float
    step: str
    served_by: str  # Who
    propensity: float
    input_hash: str
    unit: str
    student_attempt: str | None  # attempt ids, None while not in
    teacher_attempt: str | None
    student_outcome: str | None
    teacher_outcome: str | None
    student_score: float | None  # latest under the asked name, None while not scored
    teacher_score: float | None
    confidence: float | None = None  # of the student's attempt
    student_status: int | None = None  # of the response, 0 without a head
    teacher_status: int | None = None
    student_ms: float | None = None  # how long the attempt took
    teacher_ms: float | None = None
    teacher_itself: bool = False  # the teacher's score is the agreement of its answer with itself
    gold_propensity: float | None = (
        None  # probability with which people are asked as well; None: no judge's score
    )
    gold_drawn: bool = False  # and whether they are
    student_gold: float | None = None  # what they said, in [0, 1]
    teacher_gold: float | None = None
    slices: tuple[str, ...] = ()  # of the call's choice, and of what the student answered


@dataclass(frozen=True, kw_only=True, slots=True)
class Observation:
    """What one stream has of a drawn pair, or of a unit of feedback. It counts once for each stream.

    `d` in [-1, 1] for PAIRED, else None: student - teacher of scores, and of all else how much worse the student is.
    """

    rollout_id: str
    seq: int
    call_id: str
    kind: ObservationKind
    d: float | None
    step: str
    served_by: str
    propensity: float
    ts: float
    confidence: float | None = None  # of the student's answer; None where it failed, or none is known
    parts: tuple[
        tuple[float, float | None], ...
    ] = ()  # D and confidence of each, where `d` is a mean of calls
    stream: str = Stream.SCORE
    slices: tuple[str, ...] = ()  # of the call; of a conversation, those of its first
