"""Trains the base on chat rows and leaves a GGUF file: the weights step of `both`. Knows no DSPy."""

from __future__ import annotations

import gc
import json
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import Any

import torch

from distiller.training.encode import encode
from distiller.training.errors import TooFewRows
from distiller.training.export import export
from distiller.training.model import load, pick_device
from distiller.training.report import Report
from distiller.training.spec import TrainSpec
from distiller.training.trainer import Trainer
from store.ids import digest


class Tuner:
    """Goes on from the checkpoint of a killed run; rows that were trained on before are not trained on again."""

    def __init__(
        self, spec: TrainSpec, base: Path, job: Path, report: Report, stopping: Callable[[], bool]
    ) -> None:
        self._spec = spec
        self._base = base
        self._job = job
        self._report = report
        self._stopping = stopping

    def __call__(self, chats: list[dict[str, Any]]) -> tuple[str, Path]:
        """Return the tuned model's name and file. Raises TrainingError; Stopped after saving a checkpoint."""
        name = f"tuned-{digest(json.dumps(chats, sort_keys=True).encode())[:12]}"
        weights = self._job / f"{name}.gguf"
        if not weights.is_file():
            self._train(chats, weights, name)
        return name, weights

    def _train(self, chats: list[dict[str, Any]], weights: Path, name: str) -> None:
        spec = self._spec
        torch.set_num_threads(spec.threads)
        loaded = load(
            self._base,
            rank=spec.rank,
            adapt_layers=spec.adapt_layers,
            device=pick_device(spec.device),
            seed=spec.seed,
        )
        encoded = encode(loaded.tokenizer, chats, spec.max_length)
        if len(encoded.examples) < spec.min_rows:
            raise TooFewRows(
                f"{len(encoded.examples)} rows fit into {spec.max_length} tokens, {spec.min_rows} are needed"
            )
        trained = Trainer(spec, loaded, self._job, self._report, self._stopping).run(encoded.examples)
        adapter = self._job / "adapter"
        loaded.model.save_pretrained(adapter)
        tokenizer = loaded.tokenizer
        del loaded
        gc.collect()  # a gigabyte that the server needs
        tell = lambda step, of: self._report.progress("export", step, of)  # noqa: E731
        told = {**asdict(trained), "rows": len(encoded.examples), "too_long": encoded.too_long}
        (self._job / f"{name}.json").write_text(json.dumps(told), "utf-8")
        export(self._base, adapter, weights, tokenizer=tokenizer, name=spec.student_name, tell=tell)
