"""The phases of one job in their order: load, bootstrap, train, export, generate. Knows no pipe and no signal.

The last checkpoint is of the last step, so a run that was killed while exporting does not train again.
"""

from __future__ import annotations

import json
import logging
import time
from collections.abc import Callable
from dataclasses import asdict, replace
from itertools import islice
from pathlib import Path
from typing import Any

import torch

from distiller.programs.bootstrap import counted
from distiller.programs.taught import taught
from distiller.training.base import prepare
from distiller.training.baseline import STUDENT, base_weights, link
from distiller.training.encode import Encoded, Ids, encode, tokens
from distiller.training.errors import Stopped, TooFewRows
from distiller.training.export import export
from distiller.training.files import PROGRAM, write
from distiller.training.generate import generate
from distiller.training.model import Loaded, load, merged, pick_device
from distiller.training.report import Report, peak_mb
from distiller.training.rows import Row, RowFile, read_rows, read_train
from distiller.training.spec import TrainSpec
from distiller.training.template import read_answer, render
from distiller.training.trainer import Trained, Trainer
from distiller.training.validation import Parted, part

_log = logging.getLogger("distiller.training")


class Work:
    """One job. `stopping()` is asked between steps; then Stopped is raised. `token` opens a live teacher."""

    def __init__(
        self, spec: TrainSpec, job: Path, report: Report, stopping: Callable[[], bool], token: str = ""
    ) -> None:
        self._spec = spec
        self._job = job
        self._report = report
        self._stopping = stopping
        self._token = token
        self._trained: Trained | None = None
        self._encoded: Encoded | None = None
        self._checked = 0
        self._trainsets = (spec.trainset, *spec.beside)

    def run(self) -> None:
        """Do it all, and write result.json last. Raises TrainingError; Stopped when asked to stop."""
        began = time.time()
        torch.set_num_threads(self._spec.threads)
        self._spec.out.mkdir(parents=True, exist_ok=True)
        write(self._spec.out / PROGRAM, json.dumps(asdict(self._spec.program), ensure_ascii=False))
        if not self._spec.tuned:
            self._as_it_is(began)
            return
        rows = self._rows()
        parted = (
            part(rows.rows, self._spec.seed) if self._spec.patience else Parted(train=rows.rows, check=[])
        )
        loaded = self._load()
        self._report.progress("bootstrap", 0, len(parted.train))
        student = taught(
            parted.train,
            lambda chats, **told: self._finetune(loaded, chats, parted.check, replace(self._spec, **told)),
            self._spec.teaching,
            trainset=self._spec.trainset,
            cache=self._job / "cache",
            stopping=self._stopping,
            token=self._token,
        )
        self._export(loaded)
        answered = self._answer(loaded)
        self._result(student, rows, answered, time.time() - began)

    def _as_it_is(self, began: float) -> None:
        """Export the base without an adapter; nothing is learnt, so there is nothing to compare it with."""
        spec = self._spec
        base = self._prepare()
        self._report.progress("export", 0, 1)
        tell = lambda step, of: self._report.progress("export", step, of)  # noqa: E731
        link(base_weights(base, spec.base, self._job, tell), spec.out / STUDENT)
        result = {"student": spec.student_name, "task_id": spec.task_id, "rows": 0, "seconds": 0.0}
        told = {"wall_s": round(time.time() - began, 1), "peak_mb": peak_mb(), "spec": spec.to_json()}
        write(self._job / "result.json", json.dumps({**result, **told}, indent=1))

    def _prepare(self) -> Path:
        spec = self._spec
        base = prepare(spec.base_name, spec.base, lambda words: _log.info("%s", words))
        self._check()
        return base

    def _rows(self) -> RowFile:
        rows = read_train(self._trainsets, self._spec.program)
        good = sum(row.passed for row in rows.rows)
        _log.info("%d rows, %d passing, %d not for this student", len(rows.rows), good, rows.foreign)
        have = len(rows.rows) if self._spec.teaching.finetune.metric else good
        why = f"{len(rows.rows)} rows, {rows.foreign} more were not for this student"
        if len(self._trainsets) > 1:
            why += f", {rows.shared} share something with what another task has held out"
        self._enough(have, why)
        return rows

    def _enough(self, have: int, why: str) -> None:
        if have < self._spec.min_rows:
            raise TooFewRows(f"{have} passing rows to train on, {self._spec.min_rows} are needed ({why})")

    def _load(self) -> Loaded:
        self._report.progress("load", 0, 1)
        spec = self._spec
        base = self._prepare()
        loaded = load(
            base,
            rank=spec.rank,
            adapt_layers=spec.adapt_layers,
            device=pick_device(spec.device),
            seed=spec.seed,
            precision=spec.precision,
            four_bit=spec.four_bit,
        )
        self._base = base
        self._report.progress("load", 1, 1)
        return loaded

    def _finetune(
        self, loaded: Loaded, chats: list[dict[str, Any]], check: list[Row], spec: TrainSpec
    ) -> str:
        """Train on DSPy's rows; the provider's function. Called in DSPy's thread."""
        self._report.progress("bootstrap", len(chats), len(chats))
        torch.set_num_threads(spec.threads)
        encoded = encode(loaded.tokenizer, chats, spec.max_length)
        self._enough(len(encoded.examples), f"{encoded.too_long} are longer than {spec.max_length} tokens")
        aside = encode(
            loaded.tokenizer, [_chat(row) for row in counted(check, spec.teaching)], spec.max_length
        ).examples
        self._trained = Trainer(spec, loaded, self._job, self._report, self._stopping).run(
            encoded.examples, aside
        )
        self._encoded, self._checked = encoded, len(aside)
        adapter = spec.out / "adapter"
        loaded.model.save_pretrained(adapter)
        return spec.student_name

    def _export(self, loaded: Loaded) -> None:
        spec = self._spec

        def tell(step: int, of: int) -> None:
            self._check()
            self._report.progress("export", step, of)

        export(
            self._base,
            spec.out / "adapter",
            spec.out / STUDENT,
            tokenizer=loaded.tokenizer,
            name=spec.student_name,
            tell=tell,
        )

    def _answer(self, loaded: Loaded) -> int:
        """Write the trainer's own greedy answers on held-out prompts of each task; returns how many."""
        spec = self._spec
        fitting = [pair for folder in self._trainsets for pair in self._held(loaded, folder)]

        def tell(step: int, of: int) -> None:
            self._check()
            self._report.progress("generate", step, of)

        causal = merged(self._base, spec.out / "adapter", loaded.device)
        answers = generate(
            causal, [p for _, p in fitting], [_limit(row, spec.max_new_tokens) for row, _ in fitting],
            loaded.end_ids, tell,
        )  # fmt: skip
        texts = [loaded.tokenizer.decode(a, skip_special_tokens=False) for a in answers]
        lines = [
            json.dumps(
                {"call_id": row.call_id, "text": text, "message": read_answer(text)}, ensure_ascii=False
            )
            for (row, _), text in zip(fitting, texts, strict=True)
        ]
        write(spec.out / "heldout_outputs.jsonl", "".join(line + "\n" for line in lines))
        return len(lines)

    def _held(self, loaded: Loaded, trainset: Path) -> list[tuple[Row, Ids]]:
        """Return the first held-out rows that are not too long, each with its prompt."""
        spec = self._spec
        rows = read_rows(trainset / "heldout.jsonl", spec.program).rows
        prompts = ((row, tokens(loaded.tokenizer, _prompt(loaded.tokenizer, row))) for row in rows)
        return list(islice((pair for pair in prompts if len(pair[1]) <= spec.max_length), spec.parity_rows))

    def _result(self, student: str, rows: RowFile, answered: int, seconds: float) -> None:
        if self._trained is None or self._encoded is None:
            raise TooFewRows("DSPy started no training: no row passed its metric")
        result = {
            "student": student,
            "task_id": self._spec.task_id,
            "rows": len(rows.rows),
            "trained_rows": len(self._encoded.examples),
            "validation_rows": self._checked,
            "foreign_rows": rows.foreign,
            "shared_rows": rows.shared,
            "too_long_rows": self._encoded.too_long,
            "heldout_outputs": answered,
            **asdict(self._trained),
            "tokens_per_s": round(self._trained.tokens / max(self._trained.seconds, 1e-9), 1),
            "wall_s": round(seconds, 1),
            "peak_mb": peak_mb(),
            "spec": self._spec.to_json(),
        }
        write(self._job / "result.json", json.dumps(result, indent=1))

    def _check(self) -> None:
        if self._stopping():
            raise Stopped("stopped; a rerun goes on from the last checkpoint")


def _prompt(tokenizer: Any, row: Row) -> str:
    return render(tokenizer, row.request["messages"], row.request.get("tools"))


def _chat(row: Row) -> dict[str, Any]:
    """Return a row as DSPy hands over those that it learns from."""
    chat = {"messages": [*row.request["messages"], row.completion]}
    return {**chat, "tools": tools} if (tools := row.request.get("tools")) else chat


def _limit(row: Row, most: int) -> int:
    """Tokens that the app itself allows an answer, at most `most`."""
    asked = row.request.get("max_completion_tokens") or row.request.get("max_tokens") or most
    return min(most, asked) if isinstance(asked, int) else most
