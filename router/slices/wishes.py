"""What an operator may do to a slice: give it to the teacher, take it back in. Pure. Knows no test."""

from __future__ import annotations

from dataclasses import replace

from router.decision import Decision
from router.errors import RolloutRefused
from router.slices.course import HARM, staying
from router.slices.naming import dimension, dimensions, is_slice, unfit
from router.wish import Wish
from store.vocabulary import Rollout


def exclude(rollout: Rollout, wish: Wish) -> Decision:
    """Let the teacher keep a slice. Raises RolloutRefused, saying why."""
    name = _named(rollout, wish, "exclude")
    if name in rollout.excluded:
        raise RolloutRefused(f"The teacher keeps {name} already.")
    decision = wish.granted(rollout.state, "excluded", f"gave {name} to the teacher")
    return staying(rollout, replace(decision, exclude=(name,)))


def include(rollout: Rollout, wish: Wish) -> Decision:
    """Take a slice back in; one that was excluded for harm is counted anew, and the step is unverified.

    Raises RolloutRefused, saying why.
    """
    name = _named(rollout, wish, "include")
    if name not in rollout.excluded:
        raise RolloutRefused(
            f"The teacher does not keep {name} by an exclusion; there is nothing to take back."
        )
    harmed = rollout.excluded[name] == HARM
    said = (
        f"took {name} back in, though the student did harm there; it is counted anew, the step is unverified"
    )
    decision = wish.granted(
        rollout.state, "included", said if harmed else f"took {name} back in", unverified=harmed
    )
    return staying(rollout, replace(decision, include=(name,)))


def _named(rollout: Rollout, wish: Wish, verb: str) -> str:
    if not wish.reason:
        raise RolloutRefused(f"To {verb} a slice needs a reason.")
    known = dimensions(rollout.slicers)
    if not is_slice(wish.slice):
        raise RolloutRefused(f"A slice is named `dimension:value`, not {wish.slice!r}.")
    if (why := unfit((wish.slice,))) is not None:
        raise RolloutRefused(f"The slice cannot be meant: {why}.")
    if dimension(wish.slice) not in known:
        apart = f"tells calls apart by {', '.join(known)}" if known else "tells no calls apart"
        raise RolloutRefused(f"The rollout {apart}, so no call is known to be of {wish.slice}.")
    return wish.slice
