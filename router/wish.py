"""What an operator asks for and why, and the decision that it becomes. Knows no verb."""

from __future__ import annotations

from typing import NamedTuple

from router.decision import Decision
from store.vocabulary import State


class Wish(NamedTuple):
    """An operator's order, without its verb."""

    actor: str
    reason: str
    slice: str = ""  # what it is about, where it is about one

    def granted(self, target: State, cause: str, done: str, *, unverified: bool = False) -> Decision:
        """Give the decision; `done` says in words what the operator did."""
        return Decision(
            target=target,
            cause=cause,
            why=f"{self.actor} {done}: {self.reason}" if self.reason else f"{self.actor} {done}.",
            unverified=unverified,
            actor=self.actor,
        )
