"""The training loop: AdamW on the adapter, cosine schedule, checks, checkpoints. Knows no DSPy and no files but its own."""

from __future__ import annotations

import hashlib
import time
from collections import deque
from collections.abc import Callable, Sequence
from contextlib import nullcontext
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import torch

from distiller.training import checkpoint
from distiller.training.adapt import Pace, pace
from distiller.training.batches import packs as packs_of
from distiller.training.batches import plan, schedule, shared_prefix
from distiller.training.checkpoint import Adapter, Position
from distiller.training.encode import Example
from distiller.training.errors import Stopped
from distiller.training.frozen import Lower
from distiller.training.loss import answer_tokens, loss_alone, loss_sum, packs
from distiller.training.model import Loaded, trainable
from distiller.training.packed import packing
from distiller.training.report import Report
from distiller.training.spec import TrainSpec
from distiller.training.validation import due

CHECKPOINT = "checkpoint.pt"
WINDOW = 10  # steps that the reported loss and speed are means of
_BUDGET = {"cpu": 2048, "cuda": 16384}  # tokens of one backward pass; about 1.5 MB each in fp32


@dataclass(frozen=True, kw_only=True, slots=True)
class Trained:
    """What a finished run reports."""

    steps: int  # that were taken
    of: int  # that were planned; more where it was stopped early
    loss: float  # mean of the last steps, nats per answer token
    tokens: int  # prompt and answer tokens seen, as if every prompt had been computed
    seconds: float  # in the loop, over all starts
    resumed_at: int  # step of the checkpoint it went on from, 0 for none
    best_step: int | None  # whose adapter was kept; None: the last one, nothing was checked
    best_loss: float | None  # on the validation rows, nats per answer token
    packed: bool  # examples went through the model as one row
    epochs: float
    batch: int
    lr: float


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
        self._optimizer = torch.optim.AdamW(self._params, weight_decay=0.0)  # its rate is set at each step
        self._losses: deque[float] = deque(maxlen=WINDOW)
        self._kept: Adapter | None = None  # of the best check
        self._packed = True
        self._lower: Lower | None = None

    def run(self, examples: list[Example], check: Sequence[Example] = ()) -> Trained:
        """Train to the end or until `check` gets no better, from the last checkpoint if it fits.

        The model then has the adapter of its best check. Raises Stopped after saving a checkpoint.
        """
        spec, causal = self._spec, self._loaded.causal
        own = pace(len(examples), epochs=spec.epochs, batch=spec.batch, lr=spec.lr)
        steps = plan([len(e) for e in examples], own.batch, own.epochs, spec.seed)
        check = check if spec.patience else ()
        digest = fingerprint(spec, own, [*examples, *check])
        at = self._start(digest)
        resumed_at = at.step
        self._packed = packs(causal, examples[:2])
        self._loaded.model.train()
        with packing(causal) if self._packed else nullcontext():
            self._lower = self._frozen([*examples, *check])
            while at.step < len(steps) and not (check and at.best.stale >= spec.patience):
                if self._stopping():
                    self._save(at)
                    raise Stopped("stopped while training; a rerun goes on from the checkpoint")
                at = self._advance(at, [examples[i] for i in steps[at.step]], check, own, len(steps))
        if self._kept is not None:
            checkpoint.put(self._loaded.model, self._kept)
        seen = at.best.step > 0
        return Trained(
            steps=at.step, of=len(steps), loss=at.loss, tokens=at.tokens, seconds=at.seconds,
            resumed_at=resumed_at, best_step=at.best.step if seen else None,
            best_loss=at.best.loss if seen else None, packed=self._packed,
            epochs=own.epochs, batch=own.batch, lr=own.lr,
        )  # fmt: skip

    def _start(self, digest: str) -> Position:
        found = checkpoint.restore(self._file, self._loaded.model, self._optimizer, digest)
        if found is None:
            return Position(step=0, digest=digest, loss=0.0, tokens=0, seconds=0.0)
        self._losses.append(found.position.loss)
        self._kept = found.best
        return found.position

    def _frozen(self, examples: list[Example]) -> Lower | None:
        causal, kept = self._loaded.causal, self._spec.adapt_layers
        depth = int(causal.config.num_hidden_layers) - kept if kept else 0
        if not self._packed or depth < 1:
            return None
        found: Lower | None = Lower.of(causal, examples, depth, _BUDGET[self._loaded.device.type])
        return found

    def _advance(
        self, at: Position, batch: list[Example], check: Sequence[Example], own: Pace, of: int
    ) -> Position:
        """Take one step, check and save where that is due, and report."""
        began = time.perf_counter()
        self._losses.append(self._step(batch, own.lr * schedule(at.step, of)))
        step, best, checked = at.step + 1, at.best, None
        if check and due(step, of, own.epochs):
            checked = self._mean_loss(check)
            best = best.after(step, checked)
            if best.step == step:
                self._kept = checkpoint.adapter(self._loaded.model)
        now = replace(
            at,
            step=step,
            loss=sum(self._losses) / len(self._losses),
            tokens=at.tokens + sum(len(e) for e in batch),
            seconds=at.seconds + time.perf_counter() - began,
            best=best,
        )
        speed = now.tokens / now.seconds
        eta = (of - now.step) * now.seconds / now.step
        figures = {"loss": now.loss, "tokens_per_s": speed, "eta_s": eta, "validation_loss": checked}
        self._report.progress("train", now.step, of, **figures)
        over = bool(check) and best.stale >= self._spec.patience
        if now.step % self._spec.checkpoint_every == 0 or now.step == of or over:
            self._save(now)
        return now

    def _step(self, batch: list[Example], lr: float) -> float:
        """One optimiser step; returns its loss in nats per answer token."""
        for group in self._optimizer.param_groups:
            group["lr"] = lr
        learnt = answer_tokens(batch)
        total = 0.0
        for portion in self._portions(batch):
            loss = self._loss(portion) / learnt
            loss.backward()
            total += float(loss.detach())
        torch.nn.utils.clip_grad_norm_(self._params, 1.0)
        self._optimizer.step()
        self._optimizer.zero_grad(set_to_none=True)
        return total

    @torch.no_grad()  # type: ignore[untyped-decorator]
    def _mean_loss(self, examples: Sequence[Example]) -> float:
        total = sum(float(self._loss(portion)) for portion in self._portions(examples))
        return total / answer_tokens(examples)

    def _portions(self, examples: Sequence[Example]) -> list[list[Example]]:
        common = shared_prefix([e.prompt for e in examples])
        budget = _BUDGET[self._loaded.device.type]
        return [[examples[i] for i in part] for part in packs_of([len(e) for e in examples], common, budget)]

    def _loss(self, examples: Sequence[Example]) -> Any:
        causal = self._loaded.causal
        return loss_sum(causal, examples, self._lower) if self._packed else loss_alone(causal, examples)

    def _save(self, at: Position) -> None:
        checkpoint.save(self._file, self._loaded.model, self._optimizer, at, self._kept)
        self._report.checkpoint(at.step)


def fingerprint(spec: TrainSpec, own: Pace, examples: Sequence[Example]) -> str:
    """Digest of what decides the course of a run: examples and hyperparameters."""
    told: Any = (own, spec.rank, spec.adapt_layers, spec.seed, str(spec.base), spec.patience, spec.precision)
    digest = hashlib.sha256(repr((told, spec.four_bit)).encode())
    for e in examples:
        digest.update(repr((e.prompt, e.answer)).encode())
    return digest.hexdigest()
