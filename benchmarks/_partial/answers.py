"""What a classifier student answers to many requests at once, and how sure it is. Knows no rollout."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from benchmarks._ladder.tasks import Example
from distiller.classifier.model import Classifier
from distiller.classifier.packaged import DEFAULT_ENCODER, locate, sha256
from distiller.classifier.vectors import Vectors
from distiller.scoring.metrics import BUILT_IN
from distiller.serving.engines import WEIGHTS
from store.confidence import Told, confidence
from store.program import rewrite
from store.vocabulary import Student

_THREADS = 2


@dataclass(frozen=True, kw_only=True, slots=True)
class Answered:
    """One call that both answered."""

    text: str
    d: float  # student's score less the teacher's, whose answers are the labels
    confidence: float | None


def answered(
    student: Student, artifacts: Path, cache: Path, examples: Sequence[Example], metric: str
) -> list[Answered]:
    """Ask the shipped classifier; its vectors are kept in `cache`."""
    made = Classifier.load(artifacts / str(student.weights) / WEIGHTS[student.engine])
    texts = [made.template.text(rewrite(one.request, student.program) or one.request) for one in examples]
    vectors = Vectors(made.encoder, sha256(locate(DEFAULT_ENCODER)), cache, _THREADS)
    found = made.head.log_probs(vectors.of(texts, lambda _: None))
    score, best = BUILT_IN[metric], found.argmax(axis=1)
    return [
        Answered(
            text=one.request["messages"][-1]["content"],
            d=score(one.answer, made.answers[int(at)], one.request) - 1.0,
            confidence=confidence(Told(total=float(row[at]), tokens=1), student.calibration),
        )
        for one, at, row in zip(examples, best, found, strict=True)
    ]
