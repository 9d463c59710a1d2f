"""What a decision is made from and what it says. Knows no rule."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, Literal, NamedTuple

from store.vocabulary import Evaluation, State, Unit

Void = Literal["", "interval", "all"]
"""Which evidence no longer counts: none; the calls drawn and not counted yet, until the hold ends; or all
of the trial, and then the next trial begins."""


class Cause(StrEnum):
    """What a rollout is held for."""

    BREAKER = "breaker"  # the student's server fails
    PAUSED = "paused"  # by an operator
    JUDGE_OUTAGE = "judge_outage"
    STORE_OUTAGE = "store_outage"
    DRIFT = "drift"
    ASSIGNMENT_MISMATCH = "assignment_mismatch"
    TEACHER_CHANGED = "teacher_changed"
    JUDGE_CHANGED = "judge_changed"  # or the metric: another version of what makes the scores


class Probe(NamedTuple):
    """A shadow call of a student that a breaker holds."""

    outcome: str
    d: float | None  # student's score less the teacher's; None while one of them is missing


@dataclass(frozen=True, kw_only=True, slots=True)
class Finding:
    """Something besides the scores that makes their comparison untrustworthy. Given for as long as it is true.

    A rollout is held while there is one, and goes on by itself when there is none.
    """

    cause: str  # a Cause
    why: str  # one plain sentence with the figures
    figures: dict[str, Any] = field(default_factory=dict)  # JSON
    void: Void = ""
    serving: bool = True  # False: the teacher answers everything meanwhile


@dataclass(frozen=True, kw_only=True, slots=True)
class Facts:
    """What is true besides the evidence, at the moment of deciding. All of it is kept with the decision."""

    outcomes: tuple[str, ...] = ()  # of the student's latest serve attempts in this state, newest first
    probes: tuple[Probe, ...] = ()  # its latest shadow calls since a hold began, newest first
    evaluation: Evaluation | None = None  # offline, on held-out calls
    findings: tuple[Finding, ...] = ()  # that stand now
    trials: int = 0  # of the task so far
    exposed: int = 0  # calls given to the student at this step of the ramp, in this trial
    users: int = 0  # that apps have named in calls of this wording
    gap_s: float = 0.0  # from the latest call of this wording to the latest in another wording of the task
    speaks: bool = False  # users of the task sometimes say what an answer was worth (asked at the last gate)


@dataclass(frozen=True, kw_only=True, slots=True)
class Decision:
    """One step of the machine, not yet taken."""

    target: State
    cause: str  # one snake_case word
    why: str  # one plain sentence with the figures
    held_from: State | None = None  # what a hold freezes, and where it goes on
    held_for: tuple[str, ...] = ()  # all its causes
    serving: bool = True  # False: the teacher answers everything while it holds
    voiding: bool = False  # calls drawn while it holds count nowhere
    void: Void = ""
    unit: Unit | None = None  # what is assigned from now on; None: as before
    trial: int | None = (
        None  # the one that begins: where all evidence is voided, or a part is tried instead of the whole
    )
    threshold: float | None = None  # of confidence, published from now on: the rollout is a partial one
    waived: tuple[str, ...] = ()  # gates that an operator lets be from now on
    exclude: tuple[str, ...] = ()  # slices that the teacher keeps from now on
    include: tuple[str, ...] = ()  # slices that an operator takes back in
    unverified: bool = (
        False  # the step stands on an operator's word: forced, or what was excluded for harm is back
    )
    actor: str = "controller"
    figures: dict[str, Any] = field(default_factory=dict)  # what it was decided on, for the record
