"""The training loop: AdamW on the adapter, cosine schedule, checkpoints. Knows no DSPy and no files but its own."""

from __future__ import annotations

import hashlib
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from distiller.training import checkpoint
from distiller.training.batches import plan, portions, schedule
from distiller.training.checkpoint import Position
from distiller.training.encode import Example
from distiller.training.errors import Stopped
from distiller.training.loss import answer_tokens, loss_sum
from distiller.training.model import Loaded, trainable
from distiller.training.report import Report
from distiller.training.spec import TrainSpec

CHECKPOINT = "checkpoint.pt"
WINDOW = 10  # steps that the reported loss and speed are means of
_BUDGET = {"cpu": 2048, "cuda": 16384}  # padded tokens of one backward pass; about 1.5 MB each in fp32


@dataclass(frozen=True, kw_only=True, slots=True)
class Trained:
    """What a finished run reports."""

    steps: int
    loss: float  # mean of the last steps, nats per answer token
    tokens: int  # prompt and answer tokens seen
    seconds: float  # in the loop, over all starts
    resumed_at: int  # step of the checkpoint it went on from, 0 for none


class Trainer:
    """One run over one set of examples."""

    def __init__(
        self, spec: TrainSpec, loaded: Loaded, job: Path, report: Report, stopping: Callable[[], bool]
    ) -> None:
        self._spec = spec
        self._loaded = loaded
        self._file = job / CHECKPOINT
        self._report = report
        self._stopping = stopping
        self._params = trainable(loaded.model)
        self._optimizer = torch.optim.AdamW(self._params, lr=spec.lr, weight_decay=0.0)
        self._losses: deque[float] = deque(maxlen=WINDOW)

    def run(self, examples: list[Example]) -> Trained:
        """Train to the end, from the last checkpoint if it fits. Raises Stopped after saving one."""
        steps = plan([len(e) for e in examples], self._spec.batch, self._spec.epochs, self._spec.seed)
        digest = fingerprint(self._spec, examples)
        start = checkpoint.restore(self._file, self._loaded.model, self._optimizer, digest)
        at = start or Position(step=0, digest=digest, loss=0.0, tokens=0, seconds=0.0)
        if start:
            self._losses.append(start.loss)
        self._loaded.model.train()
        resumed_at = at.step
        for step in range(at.step, len(steps)):
            if self._stopping():
                self._save(at)
                raise Stopped("stopped while training; a rerun goes on from the checkpoint")
            at = self._advance(at, [examples[i] for i in steps[step]], len(steps))
            if at.step % self._spec.checkpoint_every == 0 or at.step == len(steps):
                self._save(at)
        return Trained(
            steps=at.step, loss=at.loss, tokens=at.tokens, seconds=at.seconds, resumed_at=resumed_at
        )

    def _advance(self, at: Position, batch: list[Example], of: int) -> Position:
        began = time.perf_counter()
        self._losses.append(self._step(at.step, of, batch))
        now = Position(
            step=at.step + 1,
            digest=at.digest,
            loss=sum(self._losses) / len(self._losses),
            tokens=at.tokens + sum(len(e) for e in batch),
            seconds=at.seconds + time.perf_counter() - began,
        )
        speed = now.tokens / now.seconds
        eta = (of - now.step) * now.seconds / now.step
        self._report.progress("train", now.step, of, loss=now.loss, tokens_per_s=speed, eta_s=eta)
        return now

    def _step(self, step: int, of: int, batch: list[Example]) -> float:
        """One optimiser step; returns its loss in nats per answer token."""
        for group in self._optimizer.param_groups:
            group["lr"] = self._spec.lr * schedule(step, of)
        learnt = answer_tokens(batch)
        total = 0.0
        for portion in portions([len(e) for e in batch], _BUDGET[self._loaded.device.type]):
            loss = loss_sum(self._loaded.causal, [batch[i] for i in portion]) / learnt
            loss.backward()
            total += float(loss.detach())
        torch.nn.utils.clip_grad_norm_(self._params, 1.0)
        self._optimizer.step()
        self._optimizer.zero_grad(set_to_none=True)
        return total

    def _save(self, at: Position) -> None:
        checkpoint.save(self._file, self._loaded.model, self._optimizer, at)
        self._report.checkpoint(at.step)


def fingerprint(spec: TrainSpec, examples: list[Example]) -> str:
    """Digest of what decides the course of a run: examples and hyperparameters."""
    told: Any = (spec.lr, spec.rank, spec.batch, spec.epochs, spec.adapt_layers, spec.seed, str(spec.base))
    digest = hashlib.sha256(repr(told).encode())
    for e in examples:
        digest.update(repr((e.prompt, e.answer)).encode())
    return digest.hexdigest()
