"""What users said of the student's answers against what they said of the teacher's: unpaired. Knows no log and no clock.

The indicator of a call is 1 where something bad was said of its answer within the window, and 0 for silence:
never the share of bad among those who answered, which a student would win by being so good that nobody writes. D is
one unit of the student (a conversation: the mean of its calls) less the mean of up to 20 units of the teacher
from the same step, slices and hour, in [-1, 1]: how much worse. Each unit of the teacher is compared once, so
that what is known of it when it is used says nothing of the next.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from store.vocabulary import Heard, Observation, ObservationKind, Stream, Who

MOST = 20
"""Units of the teacher that one of the student is compared with, at most."""

_HOUR_S = 3600.0


@dataclass(frozen=True, kw_only=True, slots=True)
class Unit:
    """A conversation in one block: where its first call was, and the share of its calls of which something bad was said."""

    first: Heard
    bad: float  # in [0, 1]

    @property
    def alike(self) -> tuple[str, tuple[str, ...], int]:
        """What two units must have in common to be compared."""
        return self.first.step, self.first.slices, int(self.first.ts // _HOUR_S)


def observations(rollout_id: str, block: Sequence[Heard]) -> list[Observation]:
    """Give the observations of a block that is over, by log sequence: one for each unit of the student.

    A unit that has none of the teacher to be compared with is VOID.
    """
    groups: dict[tuple[str, tuple[str, ...], int], list[Unit]] = defaultdict(list)
    for unit in units(block):
        groups[unit.alike].append(unit)
    made = [one for group in groups.values() for one in _compared(rollout_id, group)]
    return sorted(made, key=lambda o: o.seq)


def units(block: Sequence[Heard]) -> list[Unit]:
    """Give the conversations of calls that are in log order, in the order of their first calls."""
    calls: dict[str, list[Heard]] = {}
    for call in block:
        calls.setdefault(call.unit or call.call_id, []).append(call)
    return [Unit(first=own[0], bad=sum(call.bad for call in own) / len(own)) for own in calls.values()]


def _compared(rollout_id: str, group: Sequence[Unit]) -> Iterator[Observation]:
    """Deal the teacher's units out to the student's, in order: who gets which follows from nothing that was said."""
    students = [unit for unit in group if unit.first.served_by == Who.STUDENT]
    teachers = [unit for unit in group if unit.first.served_by != Who.STUDENT]
    each = min(MOST, max(1, len(teachers) // max(1, len(students))))
    for n, unit in enumerate(students):
        others = teachers[n * each : (n + 1) * each]
        d = unit.bad - sum(other.bad for other in others) / len(others) if others else None
        yield Observation(
            rollout_id=rollout_id,
            stream=Stream.FEEDBACK,
            seq=unit.first.seq,
            call_id=unit.first.call_id,
            kind=ObservationKind.VOID if d is None else ObservationKind.PAIRED,
            d=d,
            step=unit.first.step,
            served_by=unit.first.served_by,
            propensity=1.0,
            ts=unit.first.ts,
        )
