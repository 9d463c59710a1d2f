"""Runs an offline evaluation: ask the student, score, decide. Knows no store; the pipeline saves what it finds."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, TypeVar

import httpx

from distiller.evaluation import ask
from distiller.evaluation.calibrate import Answered, calibrate, candidates
from distiller.evaluation.ceiling import Ceiling
from distiller.evaluation.parity import Parity, compare
from distiller.evaluation.verdict import MIN_UNITS, PEEK, Judged, Screen, decide, futile
from distiller.scoring.spec import Item, MetricSpec, Scored, Scorer
from store.program import rewrite
from store.vocabulary import Calibration, Engine, Student

Row = dict[str, Any]
_EXAMPLES = 5  # wrong answers kept for a person to look at
_EXAMPLE_CHARS = 400
_SURE = frozenset({Engine.LLAMA, Engine.CLASSIFIER, Engine.VLLM})  # engines that tell log-probabilities
Pair = TypeVar("Pair")


@dataclass(frozen=True, kw_only=True, slots=True)
class Findings:
    """What an evaluation found."""

    screen: Screen
    parity: Parity | None
    calibration: Calibration | None = None
    detail: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True, slots=True)
class _Asked:
    """A held-out row with the student's reply."""

    row: dict[str, Any]
    reply: ask.Reply


class Evaluator:
    """Evaluates one student through its endpoint."""

    def __init__(
        self,
        *,
        scorer: Scorer,
        metric: MetricSpec,
        delta: float,
        concurrency: int = 4,
        timeout_s: float = 10.0,
        min_units: int = MIN_UNITS,
        ceiling: Ceiling | None = None,
        tell: Callable[[int, int], None] = lambda *_: None,
    ) -> None:
        self._scorer = scorer
        self._metric = metric
        self._delta = delta
        self._concurrency = concurrency
        self._timeout_s = timeout_s
        self._min_units = min_units
        self._ceiling = (
            (ceiling or Ceiling()) if metric.agreement else None
        )  # a teacher that is scored has none
        self._tell = tell

    async def run(
        self,
        student: Student,
        heldout: Sequence[dict[str, Any]],
        outputs: Path | None,
        headers: Mapping[str, str] | None = None,
    ) -> Findings:
        """Ask, score and decide. `outputs`: the trainer's own answers, for parity; `headers` go with each request. Raises ScorerUnavailable."""
        pairs: Sequence[tuple[Row, Row]]
        fitting = [(row, rewrite(row["request"], student.program)) for row in heldout]
        sure = student.engine in _SURE
        pairs = [
            (row, ask.body(request, student.model, sure=sure))
            for row, request in fitting
            if request is not None
        ]
        trained = _outputs(outputs)
        async with httpx.AsyncClient(headers=dict(headers or {})) as client:
            endpoint = ask.Endpoint(
                client, student.base_url, concurrency=self._concurrency, timeout_s=self._timeout_s
            )
            few = spread(pairs, PEEK)
            if hopeless := len(few) < len(pairs) and await self._hopeless(endpoint, few):
                pairs = few
            checked = [(row, body) for row, body in pairs if row["call_id"] in trained]
            of = len(pairs) + len(checked)
            replies = await endpoint.ask_all(
                [b for _, b in pairs], lambda done: self._tell(done, of), _ids(pairs)
            )
            likeliest = await endpoint.ask_all(
                [ask.greedy(b) for _, b in checked],
                lambda done: self._tell(len(pairs) + done, of),
                _ids(checked),
            )
        asked = [_Asked(row=row, reply=reply) for (row, _), reply in zip(pairs, replies, strict=True)]
        twins = [_Asked(row=row, reply=reply) for (row, _), reply in zip(checked, likeliest, strict=True)]
        judged = await self._judge(asked)
        parity = await self._parity(twins, trained)
        least = 1 if hopeless else self._min_units
        screen = decide(judged, delta=self._delta, parity=parity, min_units=least, ceiling=self._ceiling)
        answered = _answered(asked, judged)
        calibration = None if hopeless else calibrate(answered)
        scored = sum(j.student is not None and j.teacher is not None for j in judged)
        detail = {
            **_detail(asked, judged),
            "partial": candidates(answered, scored - len(answered), calibration) if calibration else [],
            "metric": self._metric.name,
            "agreement": self._metric.agreement,
            "teacher_with_itself": asdict(self._ceiling) if self._ceiling else None,
            "unsuited": len(heldout) - len(pairs),
            "parity_prompts": len(twins),
            "stopped_early": hopeless,
        }
        return Findings(screen=screen, parity=parity, calibration=calibration, detail=detail)

    async def _hopeless(self, endpoint: ask.Endpoint, few: Sequence[tuple[Row, Row]]) -> bool:
        bodies = [body for _, body in few]
        replies = await endpoint.ask_all(bodies, lambda done: self._tell(done, len(few)), _ids(few))
        asked = [_Asked(row=row, reply=reply) for (row, _), reply in zip(few, replies, strict=True)]
        judged = await self._judge(asked)
        return futile(judged, delta=self._delta) and futile(_surer_half(asked, judged), delta=self._delta)

    async def _judge(self, asked: Sequence[_Asked]) -> list[Judged]:
        student, teacher = await self._both(asked)
        return [
            Judged(
                call_id=one.row["call_id"],
                unit=one.row["unit"],
                student=0.0 if one.reply.error else mine.value,
                teacher=theirs.value,
                failed=one.reply.error is not None,
            )
            for one, mine, theirs in zip(asked, student, teacher, strict=True)
        ]

    async def _both(self, asked: Sequence[_Asked]) -> tuple[list[Scored], list[Scored]]:
        """Score both halves. A judge compares them, unless the student's did not come: then it counts as failed."""
        if self._metric.judge is None:
            return await self._scores(asked), await self._teacher_scores([one.row for one in asked])
        items: list[Item] = []
        for one in asked:
            theirs, mine = _own(one.row), one.reply.message if one.reply.error is None else None
            rival = theirs if mine is not None else None
            items += [self._item(one.row, mine or theirs, rival), self._item(one.row, theirs, mine)]
        scored = await self._scorer.score(self._metric, items)
        return scored[::2], scored[1::2]

    async def _scores(self, asked: Sequence[_Asked]) -> list[Scored]:
        return await self._scorer.score(
            self._metric, [self._item(one.row, one.reply.message or _SILENT) for one in asked]
        )

    async def _teacher_scores(self, rows: Sequence[dict[str, Any]]) -> list[Scored]:
        """Score the teacher's own answers; where they are the reference themselves, they have the ceiling."""
        scores = [Scored(value=self._ceiling.mean if self._ceiling else None)] * len(rows)
        own = [i for i, row in enumerate(rows) if "teacher" in row or not self._metric.agreement]
        items = [self._item(rows[i], _own(rows[i])) for i in own]
        for index, scored in zip(own, await self._scorer.score(self._metric, items), strict=True):
            scores[index] = scored
        return scores

    async def _parity(self, twins: Sequence[_Asked], trained: dict[str, dict[str, Any]]) -> Parity | None:
        """Compare scores under an agreement; a judge's own noise would look like disparity.

        A reply that never came says that the machine is busy, not that other weights are served.
        """
        twins = [one for one in twins if one.reply.message is not None]
        if not twins or self._metric.judge is not None:
            return None
        served = await self._scores(twins)
        items = [self._item(one.row, trained[one.row["call_id"]]) for one in twins]
        ours = await self._scorer.score(self._metric, items)
        ids = [one.row["call_id"] for one in twins]
        return compare(
            {call: scored.value for call, scored in zip(ids, ours, strict=True)},
            {call: scored.value for call, scored in zip(ids, served, strict=True)},
        )

    def _item(
        self, row: dict[str, Any], candidate: dict[str, Any], rival: dict[str, Any] | None = None
    ) -> Item:
        corrected = "teacher" in row
        reference = row["completion"] if corrected or self._metric.judge is None else None
        return Item(
            request=row["request"],
            reference=reference,
            candidate=candidate,
            rival=rival,
            call_id=row["call_id"],
        )


def _answered(asked: Sequence[_Asked], judged: Sequence[Judged]) -> list[Answered]:
    """Return the calls that were answered, with how sure, and scored on both sides."""
    return [
        Answered(said=one.reply.said, student=j.student, teacher=j.teacher)
        for one, j in zip(asked, judged, strict=True)
        if not j.failed and one.reply.said is not None and j.student is not None and j.teacher is not None
    ]


def _surer_half(asked: Sequence[_Asked], judged: Sequence[Judged]) -> Sequence[Judged]:
    """Return the calls that the student was surer of, which may be its own yet; all where it does not say."""
    told = [(one.reply.said.total, at) for at, one in enumerate(asked) if one.reply.said is not None]
    return [judged[at] for _, at in sorted(told, reverse=True)[: len(asked) // 2]] or judged


def _ids(pairs: Sequence[tuple[Row, Row]]) -> list[str]:
    return [row["call_id"] for row, _ in pairs]


def _own(row: dict[str, Any]) -> dict[str, Any]:
    """Return the teacher's own message."""
    message: dict[str, Any] = row.get("teacher") or row["completion"]
    return message


_SILENT: dict[str, Any] = {"role": "assistant", "content": ""}


def spread(items: Sequence[Pair], most: int) -> Sequence[Pair]:
    """Return at most `most` of the items, evenly spread over them; all where they are less than twice as many."""
    return items if len(items) < 2 * most else items[:: len(items) // most][:most]


def _outputs(path: Path | None) -> dict[str, dict[str, Any]]:
    """Return the trainer's own answers as messages, by call id."""
    if path is None or not path.is_file():
        return {}
    lines = [json.loads(line) for line in path.read_text("utf-8").splitlines() if line.strip()]
    return {
        line["call_id"]: line.get("message") or {"role": "assistant", "content": line["text"]}
        for line in lines
    }


def _latency(times: Sequence[float]) -> dict[str, float] | None:
    """Return median and 95th percentile in milliseconds, as asked a few at once; None without an answer."""
    if not times:
        return None
    ordered = sorted(times)
    return {f"p{q}": round(ordered[min(len(ordered) - 1, len(ordered) * q // 100)], 1) for q in (50, 95)}


def _detail(asked: Sequence[_Asked], judged: Sequence[Judged]) -> dict[str, Any]:
    errors = Counter(one.reply.error for one in asked if one.reply.error)
    worst = [
        (one, j)
        for one, j in zip(asked, judged, strict=True)
        if j.student is not None and j.student < (j.teacher or 0)
    ]
    return {
        "rows": len(asked),
        "failed": sum(j.failed for j in judged),
        "errors": dict(errors.most_common(_EXAMPLES)),
        "latency_ms": _latency([one.reply.ms for one in asked if one.reply.message is not None]),
        "unscored": sum(j.student is None or j.teacher is None for j in judged),
        "worse": [
            {
                "call_id": j.call_id,
                "student": str((one.reply.message or {}).get("content"))[:_EXAMPLE_CHARS],
                "reference": str(one.row["completion"].get("content"))[:_EXAMPLE_CHARS],
                "score": j.student,
            }
            for one, j in worst[:_EXAMPLES]
        ],
    }
