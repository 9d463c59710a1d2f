"""Answers as they are scored, and their scores."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Any


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
