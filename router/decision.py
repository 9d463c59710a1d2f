"""What a decision is made from and what it says. Knows no rule."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, NamedTuple

from store.vocabulary import Evaluation, State


class Probe(NamedTuple):
    """A shadow call of a student that a breaker holds."""

    outcome: str
    d: float | None  # student's score less the teacher's; None while one of them is missing


@dataclass(frozen=True, kw_only=True, slots=True)
class Facts:
    """What is true besides the evidence, at the moment of deciding."""

    outcomes: tuple[str, ...] = ()  # of the student's latest serve attempts in this state, newest first
    probes: tuple[Probe, ...] = ()  # its latest shadow calls since a hold began, newest first
    evaluation: Evaluation | None = None  # offline, on held-out calls


@dataclass(frozen=True, kw_only=True, slots=True)
class Decision:
    """One step of the machine, not yet taken."""

    target: State
    cause: str  # one snake_case word
    why: str  # one plain sentence with the figures
    held_from: State | None = None  # what a hold freezes
    serving: bool = True  # False: the teacher answers everything while it holds
    paused: bool = False  # by an operator
    unverified: bool = False  # an operator forced it: the gate was not passed
    actor: str = "controller"
    figures: dict[str, Any] = field(default_factory=dict)  # what it was decided on, for the record
