"""What the log answers with. Knows no SQL; `docs/data-model.md` says which columns lie behind.

Times are Unix seconds, durations milliseconds, money US dollars.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from store.vocabulary import Attempt, Call, Feedback, Score, Tally, Usage


@dataclass(frozen=True, kw_only=True, slots=True)
class FingerprintSeen:
    """A fingerprint with what the log knows of it, for grouping into tasks."""

    fingerprint: str
    fp_version: int
    tenant: str
    task_name: str | None  # the app's own name for the task, the latest
    model: str  # the latest asked for
    head_hash: str
    head: tuple[str, ...]  # raw JSON of the head's pieces, of the latest call
    calls: int
    first_ts: float
    last_ts: float
    last_seq: int


@dataclass(frozen=True, kw_only=True, slots=True)
class Opened:
    """A call as far as templates look at it: what it was asked with, in chat whatever its surface."""

    fingerprint: str
    seq: int
    ts: float
    tenant: str
    task_name: str | None
    request: dict[str, Any]


@dataclass(frozen=True, kw_only=True, slots=True)
class TaskCounts:
    """How much there is to learn from: served teacher answers to calls of apps that mean chat."""

    calls: int  # such calls of apps, whoever answered
    complete: int  # of the teacher's served answers
    scored: int  # of those, with a score
    feedback: int  # of the calls, with a feedback score
    corrections: int  # of the calls, with a corrected answer
    mean_score: float | None  # of the scored answers, each with the latest value of the source that counts


@dataclass(frozen=True, kw_only=True, slots=True)
class Said:
    """One piece of feedback with the answer that its user saw; None while the log does not have that."""

    seq: int  # order of loading
    ts: float
    score: float | None
    signal: str | None
    corrected: bool
    call_id: str | None
    attempt_id: str | None
    fingerprint: str | None
    counted: bool  # its score is one of the answer's
    worth: str | None  # version of the latest score that was made of its signal
    worth_ts: float | None


@dataclass(frozen=True, kw_only=True, slots=True)
class Audited:
    """A judged answer that was drawn for a person."""

    attempt_id: str
    call_id: str
    judge: float  # in [0, 1]
    propensity: float  # probability with which it was drawn
    version: str  # of the judge
    gold: float | None  # the person's label, in [0, 1]; None while it waits


@dataclass(frozen=True, kw_only=True, slots=True)
class Position:
    """What standing first was worth to a judge that compared answers in both orders."""

    mean: float | None  # in [-1, 1]; None where none were compared
    calls: int


@dataclass(frozen=True, kw_only=True, slots=True)
class Target:
    """An answer that an id means."""

    attempt_id: str
    call_id: str
    fingerprint: str


@dataclass(frozen=True, kw_only=True, slots=True)
class CallFilter:
    """Which calls to list, newest first. Unset fields do not narrow."""

    fingerprints: tuple[str, ...] = ()
    tenant: str | None = None
    surface: str | None = None
    model: str | None = None
    who: str | None = None  # who gave the served answer: teacher | student
    outcome: str | None = None  # of the served attempt; "open" for calls still without one
    origin: str | None = None
    key_id: str | None = None
    rollout_id: str | None = None
    step: str | None = None
    reason: str | None = None  # of the choice
    score_name: str | None = None  # whose latest value, of the served attempt, is meant; None: of any name
    score_min: float | None = None
    score_max: float | None = None
    text: str | None = None  # part of the request or of an answer, case-sensitive
    since_ts: float | None = None
    until_ts: float | None = None
    before_seq: int | None = None  # for paging: `CallPage.next_seq`
    limit: int = 50
    budget_s: float = 0.4  # how long a text is looked for


@dataclass(frozen=True, kw_only=True, slots=True)
class CallRow:
    """One call in a list, with its served attempt; None while that is not in."""

    seq: int
    call_id: str
    ts: float
    origin: str
    surface: str
    tenant: str
    fingerprint: str
    task: str | None  # the task that the gateway's route named, else the app's own name for it
    model: str
    stream: bool
    chosen: str  # Who the choice named
    reason: str  # of the choice
    step: str | None
    pairing: str
    who: str | None  # who answered in the end
    role: str | None
    outcome: str | None
    status: int | None
    first_byte_ms: float | None
    duration_ms: float | None
    prompt_tokens: int | None
    completion_tokens: int | None
    cost_usd: float | None  # of all the call's attempts
    attempts: int


@dataclass(frozen=True, kw_only=True, slots=True)
class CallPage:
    """Calls, newest first, and where to go on."""

    rows: tuple[CallRow, ...] = ()
    next_seq: int | None = None  # `before_seq` of the next page; None: there is nothing more
    complete: bool = True  # False: the time for a text was up, with less than a page found


@dataclass(frozen=True, kw_only=True, slots=True)
class AttemptDetail:
    """One attempt with what was read out of its answer. `attempt.body` holds what the log kept raw."""

    attempt: Attempt
    answer: dict[str, Any] | None  # the whole completion object
    completion_id: str | None
    finish_reason: str | None
    usage: Usage
    cost_usd: float | None
    scores: tuple[Score, ...] = ()  # oldest first


@dataclass(frozen=True, kw_only=True, slots=True)
class CallDetail:
    """Everything about one call. `call.body` is byte for byte what the app sent."""

    seq: int
    call: Call
    head_hash: str
    input_hash: str
    attempts: tuple[AttemptDetail, ...] = ()
    feedback: tuple[Feedback, ...] = ()


@dataclass(frozen=True, kw_only=True, slots=True)
class Totals:
    """The log in figures."""

    calls: int
    app_calls: int
    open_calls: int  # no served attempt yet
    lost_calls: int  # their writer died
    attempts: int
    student_served: int  # answers that a student gave and the app received
    prompts: int  # distinct heads
    scores: int
    feedback: int
    unresolved_feedback: int  # names no completion and no call in the log
    corrupt_frames: int  # damage skipped in the journal, and records that the log cannot hold
    cost_usd: float  # of the attempts whose price is known
    unpriced: int  # whole answers of teachers, on surfaces that are understood, whose price is not known
    unpriced_models: tuple[str, ...]  # theirs, at most five
    first_ts: float | None
    last_ts: float | None


@dataclass(frozen=True, kw_only=True, slots=True)
class TaskTraffic:
    """Traffic of one fingerprint since a time. Which task it belongs to, the control state says."""

    fingerprint: str
    tenant: str
    task: str | None  # as in CallRow, of the latest call
    model: str  # of the latest call
    calls: int
    student_served: int
    failed: int  # served outcomes other than complete, length and refused
    fallbacks: int  # of students that failed
    deferred: int  # student answers that were not sure enough, and that the teacher gave instead
    pairs: int  # shadow and reverse shadow attempts
    cost_usd: float
    student_p50_ms: float | None
    teacher_p50_ms: float | None
    first_ts: float
    last_ts: float


@dataclass(frozen=True, kw_only=True, slots=True)
class Retention:
    """How long calls are kept. A file is rewritten once something in it is a day, or 5 %, too old."""

    days: float | None = None  # None: for ever
    by_fingerprint: Mapping[str, float] = field(default_factory=dict)  # days, in place of `days`
    now: float = 0.0  # Unix seconds


@dataclass(frozen=True, kw_only=True, slots=True)
class Removed:
    """What a retention run took away."""

    calls: int = 0
    attempts: int = 0
    scores: int = 0
    feedback: int = 0
    prompts: int = 0


@dataclass(frozen=True, kw_only=True, slots=True)
class Erased:
    """What an erasure took away; `files` are the parts that were written anew."""

    calls: int = 0
    attempts: int = 0
    scores: int = 0
    feedback: int = 0
    prompts: int = 0
    files: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True, slots=True)
class Subject:
    """Whose calls, or which one, is meant: all of a user or a conversation (of one tenant), or a call."""

    kind: Literal["user", "conversation", "call"]
    value: str
    tenant: str | None = None  # None: of any


@dataclass(frozen=True, kw_only=True, slots=True)
class Hit:
    """Where a text was found."""

    part: str
    table: str
    column: str
    rows: int  # but for those of other tenants, where one was named
    others: int = 0  # rows of other tenants than the one that was named


@dataclass(frozen=True, kw_only=True, slots=True)
class Account:
    """What a writer says that it kept, and what the log has of it."""

    writer: str
    tally: Tally | None  # its last; None while there is none
    calls_loaded: int
    attempts_loaded: int
    feedback_loaded: int
    corrupt: int  # of it set aside, and stretches of damage
    sealed: bool  # all that it wrote is loaded, and it will write no more


@dataclass(frozen=True, kw_only=True, slots=True)
class RoleCost:
    """What attempts of one role by one kind of model cost. Those without a price are not in `usd`."""

    role: str  # a Role, or `deferred`: a student's answers that were not sure enough
    who: str
    attempts: int
    priced: int
    usd: float
    recent: int  # of `attempts`, those on calls since the time asked for
