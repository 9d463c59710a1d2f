"""From drawn calls to observations: pure. Knows no store and no statistics.

Only the contiguous resolved prefix of the log's order is consumed: were answers counted in the order of
their arrival, a judge that is slow with bad ones would promote anything. What becomes of a pair:

- both answers scored: PAIRED with D = student - teacher;
- the student failed (an error, a timeout, a refusal, a cut): its score is 0, rescued by the teacher or not;
- the student said what the teacher keeps (a slice by label): PAIRED with 0, as the app receives the teacher's answer;
- a drawn part that people label as well: D corrected by what they say (`router.streams.gold`);
- the teacher failed, the app hung up, or a score or a label did not come in time: MISSING;
- its request, or its conversation, was counted before: VOID.

A conversation is one observation, the mean of its calls, at the place of its first. While conversations
rarely show a second call there is nothing to wait for; else each first call waits `conversation_s` for the
others. Calls that come later still are VOID.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

from router.streams import gold
from store.vocabulary import Drawn, Observation, ObservationKind, Outcome, State, Terms

STUDENT_FAILED = frozenset(
    {Outcome.ERROR, Outcome.TIMEOUT, Outcome.UPSTREAM_CUT, Outcome.LENGTH, Outcome.REFUSED}
)
"""Without a score, these count as a score of 0. A lost attempt or an app that hung up says nothing."""

WHOLE = frozenset({Outcome.COMPLETE, Outcome.DEFERRED})
"""Answers that are scored. A deferred one says what a looser threshold would have let out."""

RETRIED = frozenset({Outcome.ERROR, Outcome.TIMEOUT, Outcome.UPSTREAM_CUT})
"""After these another attempt of the teacher may still come."""

FAILOVER_S = 120.0
"""How long it is waited for."""

FULL_MEMORY = 1000
"""At FULL a request counts again when so many calls were drawn since it last did; before FULL never."""

_TURNS_LEAST = 3  # so many second calls ...
_TURNS_SHARE = 0.02  # ... and in so many of the conversations, and all are gathered


@dataclass(frozen=True, kw_only=True, slots=True)
class Patience:
    """How long to wait, in seconds."""

    score_s: float
    conversation_s: float
    label_s: float = 0.0  # for a person's label, where it corrects a judge


@dataclass(slots=True)
class Seen:
    """What was counted of one rollout. Rebuilt from its drawn rows alone, so a restart forgets nothing."""

    inputs: dict[str, int] = field(default_factory=dict)  # input hash: number of the row that counted
    units: dict[str, int] = field(default_factory=dict)
    rows: int = 0
    turns: int = 0  # second, different calls of a conversation

    def gathers(self) -> bool:
        """Say whether conversations of several calls are common enough to wait for."""
        return self.turns >= max(_TURNS_LEAST, _TURNS_SHARE * len(self.units))

    def repeats(self, row: Drawn) -> bool:
        """Say whether the row's request or conversation was counted."""
        return self._holds(self.inputs, row.input_hash, row) or self._holds(self.units, row.unit, row)

    def note(self, row: Drawn) -> None:
        """Remember a consumed row."""
        self.turns += row.unit in self.units and row.input_hash not in self.inputs
        if not self.repeats(row):
            self.inputs[row.input_hash] = self.rows
            self.units[row.unit] = self.rows
        self.rows += 1
        if row.step == State.FULL and self.rows % FULL_MEMORY == 0:
            self.inputs, self.units = self._recent(self.inputs), self._recent(self.units)

    def _holds(self, counted: Mapping[str, int], key: str, row: Drawn) -> bool:
        at = counted.get(key)
        return at is not None and (row.step != State.FULL or self.rows - at < FULL_MEMORY)

    def _recent(self, counted: Mapping[str, int]) -> dict[str, int]:
        return {key: at for key, at in counted.items() if self.rows - at < FULL_MEMORY}


@dataclass(frozen=True, kw_only=True, slots=True)
class Resolved:
    """What became of one pair."""

    kind: ObservationKind
    d: float | None = None
    confidence: float | None = None
    parts: tuple[
        tuple[float, float | None], ...
    ] = ()  # D and confidence of each call, where there are several


_MISSING = Resolved(kind=ObservationKind.MISSING)
_RECEIVED_ALIKE = Resolved(kind=ObservationKind.PAIRED, d=0.0)
_VOID = Resolved(kind=ObservationKind.VOID)
_PLAIN = Terms()


def resolve(
    rollout_id: str,
    rows: Sequence[Drawn],
    seen: Seen,
    waited: Mapping[int, float],
    patience: Patience,
    *,
    terms: Terms = _PLAIN,
    withheld: frozenset[str] = frozenset(),
) -> list[Observation]:
    """Give the observations of the contiguous resolved prefix of `rows`; `seen` learns them.

    `waited` says for how many seconds each row (by `seq`) has been in sight, `terms` what the trial began with, `withheld` which
    slices of answers the teacher keeps; what is compared of those counts in them no more.
    """
    observations: list[Observation] = []
    for at, row in enumerate(rows):
        if seen.repeats(row):
            found: Resolved | None = _VOID
        elif seen.gathers():
            found = _conversation(rows[at:], waited, patience, terms, withheld)
        else:
            found = single(row, waited.get(row.seq, 0.0), patience, terms, withheld)
        if found is None:
            break
        seen.note(row)
        observations.append(_observation(rollout_id, row, found, withheld))
    return observations


def single(
    row: Drawn,
    waited_s: float,
    patience: Patience,
    terms: Terms = _PLAIN,
    withheld: frozenset[str] = frozenset(),
) -> Resolved | None:
    """Give what became of a pair by itself, or None while that is open."""
    if not withheld.isdisjoint(row.slices):
        return _RECEIVED_ALIKE
    if _mute(row.teacher_outcome, row.teacher_score):
        final = row.teacher_outcome not in RETRIED or waited_s >= min(FAILOVER_S, patience.score_s)
        return _missing(terms) if final else None
    student = row.student_score
    if student is None and row.student_outcome in STUDENT_FAILED:
        student = 0.0
    elif _mute(row.student_outcome, student):
        return _missing(terms)
    if student is not None and row.teacher_score is not None:
        teacher = terms.ceiling if row.teacher_itself else row.teacher_score
        d = max(-1.0, min(1.0, student - teacher))
        confidence = row.confidence if row.student_score is not None else None
        plain = Resolved(kind=ObservationKind.PAIRED, d=d, confidence=confidence)
        return _corrected(row, plain, waited_s, patience, terms.gold) if terms.gold else plain
    return _missing(terms) if waited_s >= patience.score_s else None


def _corrected(
    row: Drawn, plain: Resolved, waited_s: float, patience: Patience, pi: float
) -> Resolved | None:
    """Give the judge's difference with what people said of it, on the scale of the trial; None while they are waited for.

    One whose draw is not known, or was thinner than the trial's, could weigh more than the bound: the worst is assumed.
    """
    if row.gold_propensity is None or row.gold_propensity < pi:
        return Resolved(kind=ObservationKind.MISSING, d=-1.0)
    student = 0.0 if row.student_score is None else row.student_gold
    said = None if student is None or row.teacher_gold is None else student - row.teacher_gold
    silent = row.gold_drawn and said is None
    if silent and waited_s < patience.label_s:
        return None
    psi = gold.rectified(plain.d or 0.0, said, drawn=row.gold_drawn, pi=row.gold_propensity)
    kind = ObservationKind.MISSING if silent else ObservationKind.PAIRED
    return replace(plain, kind=kind, d=psi / gold.bound(pi))


def _missing(terms: Terms) -> Resolved:
    """Give a pair of which nothing is known. Where differences may reach B > 1, it is still one of two scores."""
    return Resolved(kind=ObservationKind.MISSING, d=-1.0 / gold.bound(terms.gold)) if terms.gold else _MISSING


def void(rollout_id: str, row: Drawn) -> Observation:
    """Give the observation of a call that was drawn while nothing counted."""
    return _observation(rollout_id, row, _VOID)


def _mute(outcome: str | None, score: float | None) -> bool:
    """Say whether an attempt has ended and will never be scored: only whole answers are."""
    return score is None and outcome is not None and outcome not in WHOLE


def _conversation(
    rows: Sequence[Drawn],
    waited: Mapping[int, float],
    patience: Patience,
    terms: Terms,
    withheld: frozenset[str],
) -> Resolved | None:
    """Give the mean over the first row's conversation, or None while it is open."""
    first = rows[0]
    age = waited.get(first.seq, 0.0)
    if age < patience.conversation_s:
        return None
    calls: dict[str, Resolved] = {}
    for row in rows:
        here = waited.get(row.seq, 0.0)
        if row.unit != first.unit or row.input_hash in calls or age - here > patience.conversation_s:
            continue
        if (found := single(row, here, patience, terms, withheld)) is None:
            return None
        calls[row.input_hash] = found
    parts = [(one.d, one.confidence) for one in calls.values() if one.d is not None]
    if len(parts) < len(calls):
        return _MISSING
    whole = all(found.kind == ObservationKind.PAIRED for found in calls.values())
    kind = ObservationKind.PAIRED if whole else ObservationKind.MISSING
    mean = sum(d for d, _ in parts) / len(parts)
    if len(parts) == 1:
        return Resolved(kind=kind, d=mean, confidence=parts[0][1])
    return Resolved(kind=kind, d=mean, parts=tuple(parts))


def _observation(
    rollout_id: str, row: Drawn, found: Resolved, withheld: frozenset[str] = frozenset()
) -> Observation:
    return Observation(
        rollout_id=rollout_id,
        seq=row.seq,
        call_id=row.call_id,
        kind=found.kind,
        d=found.d,
        step=row.step,
        served_by=row.served_by,
        propensity=row.propensity,
        ts=row.ts,
        confidence=found.confidence,
        parts=found.parts,
        slices=tuple(name for name in row.slices if name not in withheld),
    )
