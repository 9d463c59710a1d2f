"""The task's own metric in DSPy's shapes, as the scorer applies it. Knows no model that answers."""

from __future__ import annotations

import json
import threading
from collections.abc import Sequence
from typing import Any

import dspy

from distiller.programs.student import FAILED
from distiller.programs.watch import Watch
from distiller.scoring import message as read
from distiller.scoring.process import answer
from distiller.scoring.spec import MetricSpec, Scored
from distiller.training.errors import TrainingError

_LEAST = 0.5  # share of answers that must be scored for a mean to say something


class Measure:
    """Scores answers of the student against the logged ones."""

    def __init__(self, metric: MetricSpec, *, threads: int, watch: Watch) -> None:
        self._metric = metric.to_json()
        self._threads = threads
        self._watch = watch
        self._lock = threading.Lock()  # guards the two counts
        self._scored = 0
        self._unscored = 0
        self._why = ""

    def score(self, example: Any, prediction: Any, trace: Any = None) -> float:  # noqa: ARG002
        """Return the score of an answer in [0, 1]; 0.0 for one that has none."""
        return self._value(example, prediction).value or 0.0

    def with_words(
        self, gold: Any, pred: Any, trace: Any = None, pred_name: Any = None, pred_trace: Any = None  # noqa: ARG002
    ) -> Any:  # fmt: skip
        """Return the score and what was wanted, for a model that rewrites instructions (GEPA's five arguments)."""
        scored = self._value(gold, pred)
        value = scored.value or 0.0
        wanted = f"The right answer is: {shown(gold.completion)}"
        reason = f" ({scored.reason})" if scored.reason else ""
        return dspy.Prediction(score=value, feedback=f"Score {value:.2f} of 1.{reason} {wanted}")

    def mean(self, program: Any, rows: Sequence[Any]) -> float:
        """Return a program's mean score over rows. Raises Stopped, and TrainingError where the metric fails."""
        evaluate = dspy.Evaluate(
            devset=list(rows),
            metric=self.score,
            num_threads=self._threads,
            display_progress=False,
            max_errors=len(rows) + 1,
        )
        score = float(evaluate(program).score) / 100
        self.check()
        return score

    def check(self) -> None:
        """Raise what the watch raises, and TrainingError where most answers could not be scored."""
        self._watch.check()
        with self._lock:
            if self._scored < _LEAST * (self._scored + self._unscored):
                raise TrainingError(f"most answers could not be scored: {self._why}")

    def _value(self, example: Any, prediction: Any) -> Scored:
        if prediction.completion == FAILED:
            return Scored(value=0.0, reason="there is no whole answer")
        item = {
            "request": example.request,
            "reference": example.completion,
            "candidate": prediction.completion,
            "call_id": example.call_id,
        }
        told = answer({"op": "score", "metric": self._metric, "items": [item]})
        error = told.get("error")
        scored = Scored(value=None, reason=str(error)) if error else Scored(**told["results"][0])
        with self._lock:
            self._scored += scored.value is not None
            self._unscored += scored.value is None
            self._why = scored.reason or self._why
        return scored


def shown(message: dict[str, Any]) -> str:
    """Return an assistant message as a person or a model is shown it."""
    if message.get("tool_calls"):
        return json.dumps(message["tool_calls"], ensure_ascii=False)
    return read.text(message)
