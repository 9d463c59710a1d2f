"""What a student may be worse at than its scores say: errors, broken formats, late answers. Knows no score and no judge.

Of each pair, for each of the three: the student's indicator less the teacher's, so 1 where only the student
failed, -1 where only the teacher did. The student's attempt counts by itself, whatever the app received:
a collapse that fallback hides is one (intention to treat). They wait for no judge, so that a student can be
taken off while nothing is scored.

- error: the server failed: an error, a timeout, a cut;
- format: an answer came whole and may not go out (not the JSON, tool call or length that was asked for);
- latency: the answer was not there within the latency objective.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from router.pairs import FAILOVER_S, RETRIED, Seen
from store.vocabulary import Drawn, Observation, ObservationKind, Outcome, Stream

GUARDS = (Stream.ERROR, Stream.FORMAT, Stream.LATENCY)

_UNTOLD = frozenset({None, Outcome.LOST, Outcome.CLIENT_ABORT})
_ANSWERED = range(200, 300)


def resolve(
    rollout_id: str,
    rows: Sequence[Drawn],
    seen: Seen,
    waited: Mapping[int, float],
    *,
    patience_s: float,
    slo_ms: float,
) -> list[Observation]:
    """Give the three observations of each row of the contiguous prefix that has ended; `seen` learns its rows.

    `waited` says for how many seconds each row (by `seq`) has been in sight.
    """
    found: list[Observation] = []
    for row in rows:
        repeated = seen.repeats(row)
        if not repeated and _open(row, waited.get(row.seq, 0.0), patience_s):
            break
        seen.note(row)
        found += _observations(rollout_id, row, void=repeated, slo_ms=slo_ms)
    return found


def worse(row: Drawn, slo_ms: float) -> dict[Stream, float | None]:
    """Give how much worse the student was at each, in [-1, 1]; None where one of the two is not known."""
    student = _indicators(row.student_outcome, row.student_status, _waited_ms(row), slo_ms)
    teacher = _indicators(row.teacher_outcome, row.teacher_status, row.teacher_ms, slo_ms)
    return {guard: _less(student[guard], teacher[guard]) for guard in GUARDS}


def _waited_ms(row: Drawn) -> float | None:
    """Give how long a call takes that falls to the student: of one that it defers, the teacher's time comes on top."""
    if row.student_outcome != Outcome.DEFERRED or row.student_ms is None:
        return row.student_ms
    return row.student_ms + (row.teacher_ms or 0.0)


def _indicators(
    outcome: str | None, status: int | None, ms: float | None, slo_ms: float
) -> dict[Stream, float | None]:
    """Say of one attempt whether it failed, broke its format and was late; None where nobody can tell.

    Whoever hung up after the objective had passed was not answered within it, whatever would have come.
    """
    late = outcome == Outcome.TIMEOUT or (ms is not None and ms > slo_ms)
    if outcome in _UNTOLD:
        known = outcome == Outcome.CLIENT_ABORT and late
        return {Stream.ERROR: None, Stream.FORMAT: None, Stream.LATENCY: 1.0 if known else None}
    arrived = outcome == Outcome.ERROR and status in _ANSWERED
    failed = outcome in {Outcome.TIMEOUT, Outcome.UPSTREAM_CUT} or (outcome == Outcome.ERROR and not arrived)
    return {
        Stream.ERROR: float(failed),
        Stream.FORMAT: float(arrived or outcome == Outcome.LENGTH),
        Stream.LATENCY: float(late),
    }


def _less(student: float | None, teacher: float | None) -> float | None:
    return None if student is None or teacher is None else student - teacher


def _open(row: Drawn, waited_s: float, patience_s: float) -> bool:
    """Say whether an attempt may still end: one that is not in, or the next try of a teacher that failed."""
    if row.student_outcome is None or row.teacher_outcome is None:
        return waited_s < patience_s
    return row.teacher_outcome in RETRIED and waited_s < min(FAILOVER_S, patience_s)


def _observations(rollout_id: str, row: Drawn, *, void: bool, slo_ms: float) -> Iterator[Observation]:
    for guard, d in worse(row, slo_ms).items():
        if void:
            kind = ObservationKind.VOID
        else:
            kind = ObservationKind.MISSING if d is None else ObservationKind.PAIRED
        yield Observation(
            rollout_id=rollout_id,
            stream=guard,
            seq=row.seq,
            call_id=row.call_id,
            kind=kind,
            d=d if kind == ObservationKind.PAIRED else None,
            step=row.step,
            served_by=row.served_by,
            propensity=row.propensity,
            ts=row.ts,
        )
