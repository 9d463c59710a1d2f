"""The phases of one classifier in their order: load, encode, fit, generate. Knows no pipe and no signal."""

from __future__ import annotations

import json
import logging
import time
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path

import numpy as np
import torch

from distiller.classifier.answers import collect, not_closed
from distiller.classifier.encoder import Encoder
from distiller.classifier.fit import Fitted, fit
from distiller.classifier.model import LAYERS, Classifier
from distiller.classifier.packaged import locate, sha256
from distiller.classifier.spec import ClassifierSpec
from distiller.classifier.text import Template, newest_first
from distiller.classifier.vectors import Vectors
from distiller.training.errors import Stopped, TooFewRows
from distiller.training.files import PROGRAM, write
from distiller.training.report import Report, peak_mb
from distiller.training.rows import read_rows

_log = logging.getLogger("distiller.classifier")


class Work:
    """One job. `stopping()` is asked between steps; then Stopped is raised."""

    def __init__(
        self, spec: ClassifierSpec, folder: Path, report: Report, stopping: Callable[[], bool]
    ) -> None:
        self._spec = spec
        self._folder = folder
        self._out = Path(spec.out)
        self._report = report
        self._stopping = stopping

    def run(self) -> None:
        """Do it all, and write result.json last. Raises TrainingError; Stopped when asked to stop."""
        began, spec = time.time(), self._spec
        torch.set_num_threads(1)
        self._tell("load", 0, 1)
        file = read_rows(Path(spec.trainset) / "train.jsonl", spec.program)
        rows = [row for row in file.rows if row.passed]
        answers = collect([row.completion for row in rows], spec.shape)
        if why := not_closed(answers, spec.shape):
            raise TooFewRows(f"no classifier can learn this: {why}")
        place = locate(spec.encoder)
        encoder = Encoder(place, layers=LAYERS)
        self._tell("load", 1, 1)
        taught = [(row, found) for row, found in zip(rows, answers.classes, strict=True) if found is not None]
        template = Template.of([(newest_first(row.request) or ("",))[0] for row, _ in taught])
        vectors = Vectors(encoder, sha256(place), self._folder / "cache", spec.threads).of(
            [template.text(row.request) for row, _ in taught], lambda done: self._encoded(done, len(taught))
        )
        classes = np.array([found for _, found in taught], np.int64)
        fitted = fit(
            vectors,
            classes,
            len(answers.messages),
            seed=spec.seed,
            tell=lambda i, of: self._tell("fit", i, of),
        )
        seconds = time.time() - began
        made = Classifier(encoder=encoder, head=fitted.head, template=template, answers=answers.messages)
        made.save(self._out / "classifier", name=spec.encoder)
        write(self._out / PROGRAM, json.dumps(asdict(spec.program), ensure_ascii=False))
        answered = self._answer(made)
        figures = {
            "base": spec.encoder,
            "rows": len(file.rows),
            "trained_rows": len(taught),
            "foreign_rows": file.foreign,
            "heldout_outputs": answered,
            "seconds": round(seconds, 1),
            "wall_s": round(time.time() - began, 1),
            "peak_mb": peak_mb(),
            **_figures(fitted),
            "spec": spec.to_json(),
        }
        write(self._folder / "result.json", json.dumps(figures, indent=1))

    def _encoded(self, done: int, of: int) -> None:
        self._report.checkpoint(done)
        self._tell("encode", done, of)

    def _answer(self, made: Classifier) -> int:
        """Write this process's own answers to held-out prompts; returns how many."""
        held = read_rows(Path(self._spec.trainset) / "heldout.jsonl", self._spec.program).rows[
            : self._spec.heldout_rows
        ]
        lines = []
        for i, row in enumerate(held):
            self._tell("generate", i, len(held))
            message = made.answers[made.decide(row.request).best]
            text = message.get("content") or ""
            lines.append(
                json.dumps({"call_id": row.call_id, "text": text, "message": message}, ensure_ascii=False)
            )
        write(self._out / "heldout_outputs.jsonl", "".join(line + "\n" for line in lines))
        return len(lines)

    def _tell(self, phase: str, step: int, of: int) -> None:
        if self._stopping():
            raise Stopped("stopped; a rerun goes on with the texts that are encoded")
        self._report.progress(phase, step, of)


def _figures(fitted: Fitted) -> dict[str, float | int]:
    return {
        "labels": len(fitted.head.bias),
        "validation_rows": fitted.checked,
        "validation_accuracy": round(fitted.accuracy, 4),
        "validation_nll": round(fitted.nll, 4),
        "l2": fitted.l2,
        "temperature": round(fitted.head.temperature, 3),
    }
