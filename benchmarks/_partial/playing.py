"""A rollout played over calls in order, by the shipped route, table, evidence and policy. Knows no data set.

Only the store and the waiting are left out: every drawn call is scored at once, and looked at by itself.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from benchmarks._partial.answers import Answered
from router import publish
from router.decision import Facts
from router.evidence import Evidence
from router.policy import applied, left
from router.scan import first_decision
from router.settings import RolloutPolicy
from router.steps import TERMINAL
from router.table import Table
from store.vocabulary import (
    Evaluation,
    Observation,
    ObservationKind,
    Pairing,
    Rollout,
    Route,
    Student,
    TaskVersion,
    Who,
)

_BLOCK = 200  # calls decided on under one route, where nothing happens


@dataclass(slots=True)
class Played:
    """How it went."""

    rollout: Rollout
    evidence: Evidence
    calls: int = 0
    student: int = 0  # calls of which the app received the student's answer
    deferred: int = 0  # that the student had to give up to the teacher
    lost: float = 0.0  # sum of D over what the app received
    transitions: list[dict[str, Any]] = field(default_factory=list)


def play(
    rollout: Rollout,
    parts: tuple[Student, TaskVersion, Evaluation],
    policy: RolloutPolicy,
    calls: Sequence[Answered],
) -> Played:
    """Play the rollout over the calls, or to its end."""
    student, version, evaluation = parts
    played = Played(rollout=rollout, evidence=Evidence.from_json(rollout.evidence))
    facts = Facts(evaluation=evaluation, trials=rollout.trial)
    while played.calls < len(calls) and played.rollout.state not in TERMINAL:
        route = publish.route(played.rollout, student, version, policy, epoch=1, now=0.0, drawing=True)
        block = calls[played.calls : played.calls + _BLOCK] if route else ()
        choices = [_chosen(route, played.calls + at) for at in range(len(block))] if route else []
        drawn = [at for at, choice in enumerate(choices) if choice.pairing is not Pairing.NONE]
        seen = [_observation(played.calls + at, choices[at], block[at]) for at in drawn]
        found = first_decision(
            played.rollout, played.evidence, seen, facts=facts, policy=policy, now=float(played.calls)
        )
        if found.decision is None and not block:
            break
        passed = len(block) if found.decision is None else drawn[found.taken - 1] + 1 if found.taken else 0
        for choice, call in zip(choices[:passed], block[:passed], strict=True):
            _serve(played, choice.who, call)
        played.calls += passed
        played.evidence = found.evidence
        if found.decision is not None:
            _record(played, found.decision.cause, found.decision.why, str(found.decision.target))
            played.evidence = left(found.evidence, found.decision)
            played.rollout = applied(played.rollout, found.decision, float(played.calls))
            played.transitions[-1]["threshold"] = played.rollout.threshold
    return played


def kept(call: Answered, threshold: float | None) -> bool:
    """Say whether the student's answer goes out."""
    return threshold is None or (call.confidence is not None and call.confidence >= threshold)


def _chosen(route: Route, at: int) -> Any:
    table = Table.of([route])
    return table.choose(fingerprint=route.fingerprints[0], unit=str(at), call_id=str(at), barred=None)


def _serve(played: Played, who: Who, call: Answered) -> None:
    if who is not Who.STUDENT:
        return
    goes_out = kept(call, played.rollout.threshold)
    played.student += goes_out
    played.deferred += not goes_out
    played.lost += call.d if goes_out else 0.0


def _observation(at: int, choice: Any, call: Answered) -> Observation:
    return Observation(
        rollout_id="played",
        seq=at + 1,
        call_id="",
        kind=ObservationKind.PAIRED,
        d=call.d,
        step=choice.step,
        served_by=choice.who,
        propensity=choice.propensity,
        ts=float(at),
        confidence=call.confidence,
    )


def _record(played: Played, cause: str, why: str, target: str) -> None:
    source = str(played.rollout.state)
    said = {"call": played.calls, "from": source, "to": target, "cause": cause, "why": why}
    played.transitions.append(said)
