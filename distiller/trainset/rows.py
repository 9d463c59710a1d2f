"""Chooses which logged calls may teach, and what they teach. Pure: knows no log and no file."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from distiller.scoring import message as read
from distiller.scoring.rank import known, of_teacher
from distiller.scoring.shape import Shape
from distiller.scoring.valid import invalid
from store.vocabulary import Exchange, Outcome, ScoreSource


@dataclass(frozen=True, kw_only=True, slots=True)
class Row:
    """One example. `completion` is the assistant message to learn, a correction in place of the answer."""

    call_id: str
    seq: int
    unit: str
    user: str | None
    input_hash: str
    request: dict[str, Any]  # the canonical request: as the app sent it, where it sent chat
    completion: dict[str, Any]
    passed: bool  # not judged bad: may be trained on
    score: float | None  # of the teacher's answer, where it was judged
    teacher: dict[str, Any] | None = None  # the teacher's own message, where it was corrected
    before: tuple[str, ...] = ()  # other calls whose words are in the request: it goes on from them
    near: int | None = None  # `seq` of the first row that says nearly the same: its own where it stands alone
    key: str = ""  # salted hash of the credential that called; not in the file
    voices: tuple[str, ...] = ()  # the keys whose feedback is in the row; not in the file
    unsaid: Row | None = None  # the row without feedback, where it can teach without; not in the file

    def to_json(self) -> dict[str, Any]:
        """Return the row as it stands in a trainset's file."""
        row = {
            "call_id": self.call_id,
            "unit": self.unit,
            "request": self.request,
            "completion": self.completion,
            "passed": self.passed,
            "score": self.score,
            "seq": self.seq,
            "user": self.user,
            "input_hash": self.input_hash,
            "near": self.near,
        }
        told = {"teacher": self.teacher, "before": list(self.before)}
        return row | {name: value for name, value in told.items() if value}


@dataclass(frozen=True, kw_only=True, slots=True)
class Screened:
    """Rows in log order, and why the other calls were left out."""

    rows: tuple[Row, ...]
    left_out: dict[str, int] = field(default_factory=dict)
    unheard: int = 0  # rows whose feedback does not count: too many had it from one voice


def screen(
    exchanges: Iterable[Exchange],
    *,
    shape: Shape,
    threshold: float,
    judged: bool,
) -> Screened:
    """Keep complete, valid calls; of calls with the same input, be they tries of one, the latest (a corrected one first).

    `judged`: the task is scored by a judge or the user's own metric, not by agreement, which compares the
    teacher with itself. A call that was judged below
    `threshold` is kept as not passed: it counts, it is not trained on.
    """
    left_out: Counter[str] = Counter()
    kept: dict[str, Row] = {}
    for exchange in sorted(exchanges, key=lambda e: e.seq):
        row = _read(exchange, shape=shape, threshold=threshold, judged=judged)
        if isinstance(row, str):
            left_out[row] += 1
            continue
        earlier = kept.get(row.input_hash)
        if earlier is not None:
            left_out["asked again later"] += 1
            if earlier.teacher is not None and row.teacher is None:
                continue  # a correction outlives later answers of the teacher to the same input
            del kept[row.input_hash]  # so that the row stands where its latest call does
        kept[row.input_hash] = row
    rows = sorted(kept.values(), key=lambda row: row.seq)
    return Screened(rows=tuple(rows), left_out=dict(left_out))


def passing(rows: Sequence[Row]) -> int:
    """Return how many rows may be trained on."""
    return sum(row.passed for row in rows)


def _read(exchange: Exchange, *, shape: Shape, threshold: float, judged: bool) -> Row | str:
    """Return the row of a call, or why it cannot teach."""
    why = _unfit(exchange, shape)
    if why is not None:
        return why
    row = _row(exchange, threshold=threshold, judged=judged)
    if not row.voices:
        return row
    bare = replace(exchange, correction=None, feedback=None, signal=None)
    if exchange.source == ScoreSource.CORRECTION:  # that score was a comparison with the correction
        bare = replace(bare, score=None, source=None)
    unfit = _unfit(bare, shape)
    return replace(row, unsaid=None if unfit else _row(bare, threshold=threshold, judged=judged))


def _unfit(exchange: Exchange, shape: Shape) -> str | None:
    """Return why a call cannot teach, None where it can."""
    if exchange.untold:
        return f"not said in chat: {exchange.untold}"
    if exchange.outcome != Outcome.COMPLETE:
        return f"outcome {exchange.outcome}"
    if (exchange.request.get("n") or 1) != 1:
        return "several answers asked for"
    message = read.of_completion(exchange.answer)
    if exchange.correction is not None:
        return None if exchange.correction.strip() else "empty correction"
    why = invalid(exchange.request, message, shape)
    return f"invalid: {why}" if why else None


def _row(exchange: Exchange, *, threshold: float, judged: bool) -> Row:
    answer = read.of_completion(exchange.answer) or {}
    corrected = exchange.correction is not None
    ranked = of_teacher(known(exchange), judged=judged)
    score = ranked.value if ranked else None
    return Row(
        call_id=exchange.call_id,
        seq=exchange.seq,
        unit=exchange.unit or exchange.call_id,
        user=exchange.user,
        input_hash=exchange.input_hash,
        request=exchange.request,
        completion=read.corrected(exchange.correction or "", answer) if corrected else _plain(answer),
        passed=corrected or score is None or score >= threshold,
        score=score,
        teacher=_plain(answer) if corrected else None,
        before=exchange.before,
        key=exchange.key_id,
        voices=_voices(exchange),
    )


def _voices(exchange: Exchange) -> tuple[str, ...]:
    """Return the keys that said something of the answer. A person who was asked to audit is no stranger."""
    said = (
        (exchange.correction_key, exchange.correction),
        (exchange.feedback_key, exchange.feedback),
        (exchange.signal_key, exchange.signal),
    )
    return tuple(sorted({key or "" for key, given in said if given is not None}))


def _plain(message: dict[str, Any]) -> dict[str, Any]:
    """Return what of an assistant message is its answer: no empty or provider-specific members."""
    kept = {key: message[key] for key in ("tool_calls", "function_call") if message.get(key)}
    return {"role": "assistant", "content": message.get("content"), **kept}
