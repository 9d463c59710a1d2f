"""What a cutover deals in: routes, rollouts, observations, transitions."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from types import MappingProxyType
from typing import Any


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
class Capabilities:
    """What a student can do; a request outside goes to the teacher."""

    context: int = 4096  # tokens, prompt and answer together
    images: bool = False
    tools: bool = False
    logprobs: bool = False
    n: int = 1  # greatest `n`
    json_object: bool = True
    json_schema: bool = True
    multi_turn: bool = True
    stored: bool = (
        False  # may answer where the provider would keep the answer; the operator's word, never its own
    )


@dataclass(frozen=True, kw_only=True, slots=True)
class Program:
    """How a request is rewritten for a student, identically in training, evaluation and serving.

    The rewritten messages are `head` (None: the leading system/developer messages stay; empty: prompt
    internalisation), then `demos`, then the rest of the request's own. A program that was made for one head
    names its hash: a request with another is the teacher's.
    """

    head: tuple[dict[str, Any], ...] | None = None  # messages
    demos: tuple[dict[str, Any], ...] = ()  # messages, in turns of user and assistant
    head_hash: str = ""  # "": any; always given where `head` is

    @property
    def silent(self) -> bool:
        """Whether it leaves the instructions out: the weights have learned them."""
        return self.head == ()


@dataclass(frozen=True, kw_only=True, slots=True)
class Calibration:
    """What the log-probabilities of a student's answer are worth, as fitted on held-out calls.

    x is the log-odds of exp(l), where l is the sum of the answer's token log-probabilities or their mean; the
    confidence is 1 / (1 + exp(-(slope x + intercept))). So slope 1 and intercept 0 take the sum as it is.
    """

    form: str  # "sum" or "mean", of the tokens' log-probabilities
    slope: float  # more than 0: a surer answer is never thought less of
    intercept: float
    n: int  # calls that it was fitted on
    thresholds: tuple[float, ...] = ()  # candidates for `Route.threshold`, strictest first, all different


DIMENSIONS = ("tools", "length", "language", "key")
"""By what calls are told apart; `metadata.NAME` beside these."""

METADATA = "metadata."

LABEL = "label"
"""The one dimension of what a student answers, not of what is asked: known only when it has answered."""

VALUES: Mapping[str, tuple[str, ...]] = MappingProxyType(
    {
        "length": ("short", "medium", "long", "huge"),
        "language": (
            *("en", "de", "fr", "es", "it", "pt", "nl", "ja", "zh", "ko"),
            *("cyrillic", "arabic", "hebrew", "greek", "thai", "devanagari", "other", "none"),
        ),
    }
)
"""All values of the dimensions that have a fixed list of them."""

LONGEST = 64
"""Characters of a slice's value; what a request says beyond stands there as a hash."""


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
