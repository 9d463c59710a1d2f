"""When a task is distilled again. Pure: knows no store and no scheduler."""

from __future__ import annotations

from dataclasses import dataclass

from distiller.settings import DistillerSettings
from store.vocabulary import Rollout, State, TaskMode

DAY_S = 86_400.0
FAILED_LIVE = frozenset(
    {"harm", "late_regression", "held_too_long", "breaker", "guardrail"}
)  # causes of a rollback that call for another student


@dataclass(frozen=True, kw_only=True, slots=True)
class Facts:
    """What decides whether a task is queued now, cheap ones first."""

    left_alone: bool = False
    mode: TaskMode
    open_job: bool
    live_rollout: bool  # of a student of the current version that nothing but time stands against
    complete: int  # complete answers of the teacher now
    seen: int | None  # how many the last try saw, None for no try yet
    drifted: bool = False  # since the last try the inputs or answers of a student at full share are others
    failed_live: bool = False  # the last student was taken off traffic by what was seen there
    age_s: float = 0.0  # since the last try


def held_for_drift(rollout: Rollout) -> bool:
    """Tell whether a student at full share is held because what it is asked, or answered beside it, has changed.

    A newer one may come then: the router takes it in the other's place.
    """
    return rollout.held_from == State.FULL and "drift" in rollout.held_for


def why_not(facts: Facts, settings: DistillerSettings) -> str | None:
    """Return why a task is not queued now, None where only its readiness is left to ask."""
    if facts.left_alone or facts.mode is TaskMode.OBSERVE:
        return "left alone" if facts.left_alone else "only observed"
    if facts.open_job:
        return "already at it"
    if facts.live_rollout:
        return "a student is being rolled out"
    if facts.complete < settings.min_examples:
        return f"{facts.complete} of {settings.min_examples} complete calls"
    new = facts.complete - (facts.seen or 0)
    if new < wanted(facts, settings):
        return f"too few new calls since the last try ({new})"
    return None


def wanted(facts: Facts, settings: DistillerSettings) -> float:
    """Return how many calls must have come in since the last try.

    A share of those it saw; no more than a screen needs once a student failed on live traffic, or the last try is
    `max_age_days` old. None where the task has drifted under a student at full share: its calls are new ones then,
    and the teacher answers few of them.
    """
    if facts.seen is None or facts.drifted:
        return 0
    usual = facts.seen * settings.min_new
    aged = settings.max_age_days is not None and facts.age_s >= settings.max_age_days * DAY_S
    return min(usual, settings.screen_n) if facts.failed_live or aged else usual
