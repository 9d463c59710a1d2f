"""How long users were listened to, in seconds of looking: no clock that jumps, and no hour in which control was down, counts.

The calls of a rollout are cut into blocks of about an hour of looking, or of as long as users have to say something where that
is less. A block is over when so much has been looked since its end as they have; blocks are taken in the log's order, the oldest
first.
It is kept with the rollout: a restart loses less than an hour. Knows no call and no user.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

BLOCK_S = 3600.0


class Mark(NamedTuple):
    """A place in the log's order, and how much had been looked when the log had come so far."""

    seq: int
    looked: float


class Block(NamedTuple):
    """Calls after one place, up to another."""

    after: int
    until: int


@dataclass(frozen=True, kw_only=True, slots=True)
class Listening:
    """The open blocks: each lies between two marks."""

    looked: float = 0.0
    marks: tuple[Mark, ...] = ()

    def further(self, newest: int, seconds: float, block_s: float = BLOCK_S) -> Listening:
        """Give it after so many more seconds of looking, with the log's newest sequence number; blocks last `block_s`."""
        looked = self.looked + seconds
        if not self.marks:
            return Listening(looked=looked, marks=(Mark(newest, looked),))
        last = self.marks[-1]
        if looked - last.looked < block_s or newest <= last.seq:
            return Listening(looked=looked, marks=self.marks)
        return Listening(looked=looked, marks=(*self.marks, Mark(newest, looked)))

    def over(self, window_s: float) -> Block | None:
        """Give the oldest block if it is over."""
        if len(self.marks) < 2 or self.looked - self.marks[1].looked < window_s:  # noqa: PLR2004 - its two ends
            return None
        return Block(self.marks[0].seq, self.marks[1].seq)

    def past(self) -> Listening:
        """Give it without the oldest block."""
        return Listening(looked=self.looked, marks=self.marks[1:])

    def to_json(self) -> dict[str, Any]:
        """Give plain JSON; `from_json` restores it."""
        return {"looked": self.looked, "marks": [list(mark) for mark in self.marks]}

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Listening:
        """Restore what `to_json` gave; the beginning from nothing."""
        return cls(looked=data.get("looked", 0.0), marks=tuple(Mark(*mark) for mark in data.get("marks", ())))
