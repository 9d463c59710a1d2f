"""Scores answers with the judge's program. Knows no store; failures stay unscored. Runs in the scorer process.

Two answers are shown in both orders and their scores averaged. A pair's halves come as two items that name each
other as rivals: they are compared once, for both.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import dspy
import httpx
from dspy.utils.exceptions import AdapterParseError

from distiller.scoring import judge_program
from distiller.scoring.about import about
from distiller.scoring.engine import ChatEngine
from distiller.scoring.judge_program import Judge, OutOfRange
from distiller.scoring.spec import Item, MetricSpec, Scored
from distiller.scoring.swap import both, disagree
from distiller.settings import JudgeSettings

_SHOWN = ("role", "content", "tool_calls", "function_call")
_CHARS = 60_000  # of the conversation that the judge is shown, the latest
_REASON = 300

Verdicts = dict[str, Scored]  # by the answer, as it is shown


def version(judge: JudgeSettings) -> str:
    """Return 12 hex digits that change with the program, the model and the criterion."""
    return judge_program.version(judge.model, judge.criteria)


def score(spec: MetricSpec, items: Sequence[Item]) -> list[Scored]:
    """Ask the judge about each item, a few at once."""
    judge = spec.judge
    if judge is None:
        return [Scored(value=None, reason="no judge is configured")] * len(items)
    headers = {"authorization": f"Bearer {spec.token}"} if spec.token else {}
    with (
        httpx.Client(base_url=judge.base_url, headers=headers, timeout=judge.timeout_s) as client,
        ThreadPoolExecutor(judge.concurrency) as pool,
    ):
        asking = _Asking(judge, client)
        questions: dict[str, list[Item]] = {}
        for item in items:
            questions.setdefault(_key(item), []).append(item)
        answers = dict(zip(questions, pool.map(asking.about, questions.values()), strict=True))
    return [answers[_key(item)][_shown(item.candidate)] for item in items]


class _Asking:
    """One judge behind one client."""

    def __init__(self, judge: JudgeSettings, client: httpx.Client) -> None:
        self._criteria = judge.criteria
        self._program = Judge()
        self._model = judge.model
        self._client = client

    def about(self, same: Sequence[Item]) -> Verdicts:
        """Return what the judge says of one question: of the item's answer, and of its rival where there is one."""
        item = same[-1]
        engine = ChatEngine(self._client, self._model, about(sorted({one.call_id for one in same})))
        lm = dspy.LM("stillhouse/judge", engine=engine, cache=False, num_retries=0)
        try:
            with dspy.context(lm=lm, adapter=judge_program.adapter(), disable_history=True):
                return self._look(item)
        except OutOfRange as error:
            why = str(error)
        except AdapterParseError:
            why = "the judge gave no score between 0 and 1"
        except dspy.LMError as error:
            why = error.message
        return dict.fromkeys(map(_shown, (item.candidate, item.rival)), Scored(value=None, reason=why))

    def _look(self, item: Item) -> Verdicts:
        told = json.dumps(item.request.get("messages") or [], ensure_ascii=False)[-_CHARS:]
        mine, rival = _shown(item.candidate), _shown(item.rival)
        if item.reference is not None:
            return self._compare(told, mine, _shown(item.reference), known=True)
        if item.rival is None or mine == rival:
            return self._grade(told, mine)
        return self._compare(told, mine, rival, known=False)

    def _grade(self, told: str, mine: str) -> Verdicts:
        value, reason = self._program.one(self._criteria, told, mine)
        return {mine: Scored(value=value, reason=reason[:_REASON])}

    def _compare(self, told: str, mine: str, other: str, *, known: bool) -> Verdicts:
        here, reason = self._program.two(self._criteria, told, (mine, other), "B" if known else "unknown")
        there, _ = self._program.two(self._criteria, told, (other, mine), "A" if known else "unknown")
        found = both(here, there)
        if disagree(here, there):
            reason = f"the two orders disagree; in one: {reason}"
        words = reason[:_REASON]
        return {
            other: Scored(value=found.other, reason=words, position=found.position),
            mine: Scored(value=found.one, reason=words, position=found.position),
        }


def _key(item: Item) -> str:
    """Return the same for the two halves of a pair: they are one question."""
    answers = sorted([_shown(item.candidate), _shown(item.rival)])
    if item.reference is not None:
        answers = [_shown(item.candidate), "", _shown(item.reference)]
    return json.dumps([item.request.get("messages"), answers], sort_keys=True)


def _shown(message: dict[str, Any] | None) -> str:
    kept = {key: value for key, value in (message or {}).items() if key in _SHOWN and value}
    return json.dumps(kept, ensure_ascii=False)
