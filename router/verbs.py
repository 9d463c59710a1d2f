"""What an operator may do to a rollout: pure. Knows no admin API and no evidence.

There is no verb that edits evidence, changes the margin, switches rollback off or skips two steps.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from types import MappingProxyType

from router import rules, words
from router.decision import Cause, Decision
from router.errors import RolloutRefused
from router.settings import STEPS
from router.slices.wishes import exclude, include
from router.steps import LADDER, LIVE, TERMINAL, following, standing
from router.wish import Wish
from store.vocabulary import Rollout, State, TaskMode


def obey(rollout: Rollout, verb: str, *, actor: str, reason: str, about: str = "") -> Decision:
    """Give the decision that an order asks for. Raises RolloutRefused, saying why, where it may not be.

    `about` is a slice, where the verb is about one.
    """
    if rollout.state in TERMINAL:
        raise RolloutRefused(
            f"Rollout {rollout.rollout_id} has ended ({rollout.state}); nothing can move it."
        )
    if rollout.state == State.ROLLING_BACK:
        raise RolloutRefused(f"Rollout {rollout.rollout_id} is being rolled back; nothing can stop that.")
    if (meaning := VERBS.get(verb)) is None:
        raise RolloutRefused(f"There is no order {verb!r}; there are {', '.join(VERBS)}.")
    return meaning(rollout, Wish(actor or "operator", reason.strip(), about.strip()))


def _approve(rollout: Rollout, wish: Wish) -> Decision:
    if rollout.state != State.AWAITING_APPROVAL:
        raise RolloutRefused(
            f"The rollout is in state {rollout.state}; only awaiting_approval takes an approval."
        )
    return wish.granted(State.CANARY_1, "approved", "approved the first step on live traffic")


def _pause(rollout: Rollout, wish: Wish) -> Decision:
    if Cause.PAUSED in rollout.held_for:
        raise RolloutRefused("The rollout is paused already.")
    if rollout.state not in LADDER and rollout.state != State.HOLD:
        raise RolloutRefused(f"The rollout is in state {rollout.state}; there is nothing to pause.")
    said = f"paused the rollout at {standing(rollout)}"
    decision = wish.granted(State.HOLD, Cause.PAUSED, said)
    return _holding(rollout, decision, (*rollout.held_for, Cause.PAUSED))


def _resume(rollout: Rollout, wish: Wish) -> Decision:
    if rollout.state != State.HOLD:
        raise RolloutRefused(f"The rollout is in state {rollout.state}; only a held one can be resumed.")
    found = tuple(cause for cause in rollout.held_for if cause not in {Cause.PAUSED, Cause.BREAKER})
    if found and Cause.PAUSED in rollout.held_for:
        return _holding(rollout, wish.granted(State.HOLD, "resumed", "took the pause back"), found)
    if found:
        raise RolloutRefused(
            f"The rollout is held for {', '.join(words.CAUSES[cause] for cause in found)}; "
            "it goes on by itself when that is over."
        )
    return wish.granted(standing(rollout), "resumed", f"resumed the rollout at {standing(rollout)}")


def _abort(rollout: Rollout, wish: Wish) -> Decision:
    if rollout.state not in LIVE:
        return wish.granted(State.REJECTED, "aborted", "gave the student up before it was shadowed")
    return wish.granted(State.ROLLING_BACK, "aborted", "gave the rollout up")


def _rollback(rollout: Rollout, wish: Wish) -> Decision:
    if standing(rollout) not in LADDER[1:]:
        raise RolloutRefused(
            "The student serves nothing that could be rolled back; `abort` ends the rollout."
        )
    return wish.granted(State.ROLLING_BACK, "operator", "rolled the student back")


def _force(rollout: Rollout, wish: Wish) -> Decision:
    if not wish.reason:
        raise RolloutRefused("A forced step needs a reason.")
    if rollout.mode == TaskMode.OBSERVE:
        raise RolloutRefused("The task is in mode observe: its students never leave shadow.")
    if rollout.state == State.AWAITING_APPROVAL:
        raise RolloutRefused("The shadow gate is passed: `approve` is what the rollout waits for.")
    if rollout.state not in STEPS:
        raise RolloutRefused(f"No step can be forced from state {rollout.state}.")
    if rollout.state in rollout.evidence.get("unverified", ()):
        raise RolloutRefused(
            f"Step {rollout.state} is unverified itself: its own gate must be passed before another step is forced."
        )
    target = following(rollout.state)
    said = f"forced the step to {target}, unverified"
    return wish.granted(target, "forced", said, unverified=True)


def _waive(rollout: Rollout, wish: Wish) -> Decision:
    if not wish.reason:
        raise RolloutRefused("To waive what users say needs a reason.")
    if rules.WAIVABLE in rollout.waived:
        raise RolloutRefused("The feedback gate is waived already.")
    if rollout.state not in STEPS:
        raise RolloutRefused(
            f"The rollout is in state {rollout.state}; no gate is ahead of it that could be waived."
        )
    said = "waived the feedback gate: the last step does not wait for what users say"
    decision = wish.granted(rollout.state, "waived", said)
    return replace(decision, waived=(rules.WAIVABLE,))


def _holding(rollout: Rollout, decision: Decision, held_for: tuple[str, ...]) -> Decision:
    """Hold as before, for other causes."""
    return replace(
        decision,
        held_from=standing(rollout),
        held_for=held_for,
        serving=rollout.serving,
        voiding=rollout.voiding,
    )


VERBS: Mapping[str, Callable[[Rollout, Wish], Decision]] = MappingProxyType(
    {
        "approve": _approve,
        "pause": _pause,
        "resume": _resume,
        "abort": _abort,
        "rollback": _rollback,
        "force": _force,
        "waive": _waive,
        "exclude": exclude,
        "include": include,
    }
)
