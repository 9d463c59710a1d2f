"""Records counted by kind. Knows no file and no reason."""

from __future__ import annotations

from dataclasses import dataclass

from store.journal.frame import Record
from store.vocabulary import Attempt, Call, Feedback, Tally

KINDS = ("calls", "attempts", "feedback")
_MOST = 2**53


@dataclass(slots=True)
class Counts:
    """How many calls, attempts and pieces of feedback."""

    calls: int = 0
    attempts: int = 0
    feedback: int = 0

    @property
    def total(self) -> int:
        """All kinds together."""
        return self.calls + self.attempts + self.feedback

    def add(self, record: Record) -> None:
        """Count one more."""
        match record:
            case Call():
                self.calls += 1
            case Attempt():
                self.attempts += 1
            case Feedback():
                self.feedback += 1

    def copy(self) -> Counts:
        """Give what is counted now, as a value of its own."""
        return Counts(self.calls, self.attempts, self.feedback)


def possible(said: Tally) -> bool:
    """Whether a tally's counts are such as one can come to, and a column can hold."""
    counts = (getattr(said, f"{kind}_{fate}") for kind in KINDS for fate in ("kept", "lost"))
    return all(0 <= count <= _MOST for count in counts)


def tally(tally_id: str, ts: float, writer: str, kept: Counts, lost: Counts) -> Tally:
    """Say what a writer kept and lost, as a record of the journal. `ts` is Unix seconds."""
    return Tally(
        tally_id=tally_id,
        ts=ts,
        writer=writer,
        calls_kept=kept.calls,
        calls_lost=lost.calls,
        attempts_kept=kept.attempts,
        attempts_lost=lost.attempts,
        feedback_kept=kept.feedback,
        feedback_lost=lost.feedback,
    )
