"""What one request of an app leaves behind: the call, its attempts, its answer, its feedback.

Times named `ts` or `started` are Unix seconds (wall clock, UTC); durations end in `_ms`.
Ids are UUIDv7 in canonical text form, so their order is the order of their making. These are structs, not dataclasses as the
rest: a gateway makes several of them a call, and a frozen dataclass takes ten times as long to make.
"""

from __future__ import annotations

from enum import StrEnum
from typing import Any

import msgspec


class Who(StrEnum):
    """The role of a model in a task."""

    TEACHER = "teacher"
    STUDENT = "student"


class Origin(StrEnum):
    """Who made the call.

    Internal calls are costed, never fingerprinted, paired or trained on. What another program recorded is trained on
    like an app's own calls, and is no traffic of ours: no app sent it here, and it cost nothing here.
    """

    APP = "app"
    INTERNAL = "internal"
    IMPORT = "import"


class Role(StrEnum):
    """Why an attempt was made."""

    SERVE = "serve"
    FALLBACK = "fallback"  # the teacher, after the student failed before the first byte, or deferred
    FAILOVER = "failover"  # another upstream of the same model
    SHADOW = "shadow"  # the student, beside a teacher-served call
    REVERSE_SHADOW = "reverse_shadow"  # the teacher, beside a student-served call
    IMPORT = "import"  # another program asked, and told us


class Outcome(StrEnum):
    """The one terminal state of an attempt. Only COMPLETE is trainable."""

    COMPLETE = "complete"
    DEFERRED = "deferred"  # a whole answer of a student, not sure enough or of a slice that the teacher keeps: he answered
    LENGTH = "length"
    REFUSED = "refused"
    CLIENT_ABORT = "client_abort"
    UPSTREAM_CUT = "upstream_cut"
    TIMEOUT = "timeout"
    ERROR = "error"
    LOST = "lost"


class Pairing(StrEnum):
    """Whether the intent drew a pair for this call, and which way."""

    NONE = "none"
    SHADOW = "shadow"
    REVERSE_SHADOW = "reverse_shadow"


class Choice(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """What one request got, and why. Logged with the call's intent."""

    who: Who = Who.TEACHER
    reason: str = "no_route"  # one short snake_case word from gateway/router, e.g. "share", "holdback"
    task: str | None = None  # task id, when a route exists for the fingerprint
    task_version: int | None = None
    rollout_id: str | None = None
    student_id: str | None = None
    step: str | None = None  # State value of the rollout when the choice was made
    share: float = 0.0  # the student's share in [0, 1]
    pairing: Pairing = Pairing.NONE
    propensity: float = 0.0  # probability with which `pairing` was drawn, 0 when none
    slices: tuple[str, ...] = ()  # "dimension:value", of the dimensions that the route names


class Call(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """One logged request of an app. Journalled (the intent) before it is forwarded."""

    call_id: str
    ts: float
    origin: Origin = Origin.APP
    surface: str = "chat"  # chat | responses | completions | messages | opaque
    method: str = "POST"
    path: str = "/v1/chat/completions"
    tenant: str = ""  # name of the static client key, "" in pass-through mode
    key_id: str = ""  # salted hash of the credential, 16 hex digits; never the credential
    task_name: str | None = None  # explicit name: header x-stillhouse-task or metadata.task
    fingerprint: str = ""  # 32 hex digits, "" where the surface is opaque
    fp_version: int = 0
    model: str = ""  # as the app asked for it
    stream: bool = False
    unit: str = ""  # assignment unit: explicit conversation id, else hash to the first user message
    conversation: str | None = None  # the explicit conversation id, if any
    user: str | None = None  # `user` or `safety_identifier` of the request
    retry_count: int = 0  # x-stainless-retry-count
    headers: dict[str, str] = msgspec.field(default_factory=dict)  # allow-listed, lower-case names
    body: bytes = b""  # exact, after content-decoding
    choice: Choice = msgspec.field(default_factory=Choice)


class Attempt(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """One exchange with one upstream on behalf of a call. Journalled once, at its end."""

    attempt_id: str
    call_id: str
    ts: float  # when it ended
    role: Role
    who: Who
    served: bool  # did the app receive this answer? exactly one per call
    model: str  # as sent to the upstream
    upstream: str  # configured name of the upstream, or "student:<student id>"
    surface: str = "chat"  # wire format of `body`: the call's; "chat" where only we saw a student's
    student_id: str | None = None
    outcome: Outcome = Outcome.COMPLETE
    status: int = 0  # HTTP status, 0 where no response head arrived
    started: float = 0.0
    first_byte_ms: float | None = None
    duration_ms: float = 0.0
    content_type: str = ""
    headers: dict[str, str] = msgspec.field(default_factory=dict)  # allow-listed response headers
    body: bytes = b""  # exact answer bytes after content-decoding (raw SSE for streams)
    error: str | None = None  # one sentence, ours
    confidence: float | None = None  # of a student's answer: calibrated chance that it is right, in [0, 1]
    label: str | None = None  # what a student's answer says, where its route tells answers apart by it


class Feedback(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """What an app or its user later said about a call."""

    feedback_id: str
    ts: float
    target: str  # the completion's own id or our call id
    tenant: str = ""
    key_id: str = ""
    score: float | None = None  # in [0, 1]
    signal: str | None = None  # what was done with the answer, one snake_case word
    label: str | None = None
    comment: str | None = None
    correction: str | None = None  # the answer that would have been right, as text


class Tally(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """What one writer of the journal has kept and lost since it was opened, by kind. The latest of a writer counts."""

    tally_id: str
    ts: float
    writer: str  # writer instance
    calls_kept: int = 0
    calls_lost: int = 0
    attempts_kept: int = 0
    attempts_lost: int = 0
    feedback_kept: int = 0
    feedback_lost: int = 0


class Usage(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """Token counts as the upstream reported them; None means not reported, 0 means zero."""

    prompt_tokens: int | None = None
    completion_tokens: int | None = None
    cached_tokens: int | None = None  # of the prompt, read from the provider's cache
    kept_tokens: int | None = None  # of the prompt, written to that cache
    kept_1h_tokens: int | None = None  # of those, the ones written for an hour


class Answer(msgspec.Struct, frozen=True, kw_only=True):
    """An attempt's body, read: what a non-streamed answer with the same content would say."""

    completion: dict[str, Any] | None  # the surface's own whole object, reassembled if streamed
    completion_id: str | None = None
    finish_reason: str | None = None
    usage: Usage = msgspec.field(default_factory=Usage)

    @property
    def message(self) -> dict[str, Any] | None:
        """The first choice's message, if there is one."""
        choices = (self.completion or {}).get("choices") or [{}]
        message: dict[str, Any] | None = choices[0].get("message")
        return message
