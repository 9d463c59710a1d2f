"""Which bootstrapped answers are learnt: metrics in DSPy's form that give a strict bool. Knows no optimiser.

DSPy keeps whatever is truthy, -1.0 too, and ends a whole compile at the first exception; neither happens here.
"""

from __future__ import annotations

import logging
import threading
from typing import Any

from distiller.programs.student import FAILED
from distiller.scoring.process import answer
from distiller.scoring.spec import MetricSpec
from distiller.training.errors import TrainingError

_log = logging.getLogger("distiller.programs")


def passed(example: Any, prediction: Any, trace: Any = None) -> bool:  # noqa: ARG001
    """Whether the logged row passed."""
    return example.passed is True


class Verdict:
    """Whether an answer counts, and which rows were asked about. Thread-safe.

    Without a `metric` the log says it. With one its score does, from `threshold` on; the logged answer is its reference.
    """

    def __init__(self, metric: MetricSpec | None, *, threshold: float) -> None:
        self._metric = metric.to_json() if metric else None
        self._threshold = threshold
        self._lock = threading.Lock()  # guards what follows
        self._seen: set[str] = set()
        self._scored = 0
        self._why = ""

    def __call__(self, example: Any, prediction: Any, trace: Any = None) -> bool:
        """Return whether the answer is learnt; never raises."""
        with self._lock:
            self._seen.add(example.call_id)
        if self._metric is None:
            return passed(example, prediction, trace)
        if prediction.completion == FAILED:
            return False
        value = self._value(example, prediction.completion)
        return value is not None and value >= self._threshold

    @property
    def seen(self) -> int:
        """Rows that were asked about."""
        with self._lock:
            return len(self._seen)

    def check(self) -> None:
        """Raise TrainingError where no answer at all could be scored."""
        with self._lock:
            if self._why and not self._scored:
                raise TrainingError(f"the metric of the fine-tuning scored no answer: {self._why}")

    def _value(self, example: Any, candidate: dict[str, Any]) -> float | None:
        item = {
            "request": example.request,
            "reference": example.completion,
            "candidate": candidate,
            "call_id": example.call_id,
        }
        told = answer({"op": "score", "metric": self._metric, "items": [item]})
        result = told["results"][0] if "results" in told else {"value": None, "reason": told["error"]}
        value: float | None = result["value"]
        with self._lock:
            self._scored += value is not None
            if value is None and not self._why:
                self._why = str(result["reason"])
                _log.warning("an answer has no score, and is not learnt: %s", self._why)
        return value
