"""What one training job is told: a frozen value, JSON in and out. Knows no torch and no process.

The parent writes it as `spec.json` into the job's folder; the child reads nothing else but what it names.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, get_args, get_type_hints

import msgspec

from distiller.programs.teaching import Teaching
from distiller.training.files import SPEC, write
from store.program import read as read_program
from store.vocabulary import Program

DEFAULT_BASE = "smollm2-135m-instruct"
DEVICES = ("auto", "cpu", "cuda")
PRECISIONS = ("auto", "fp32", "bf16")


class SpecError(ValueError):
    """A spec that cannot be trained; the message is one sentence for the operator."""


@dataclass(frozen=True, kw_only=True, slots=True)
class TrainSpec:
    """One LoRA training run. Paths are absolute; a field left out has the default below."""

    trainset: Path  # folder with train.jsonl, heldout.jsonl, card.json
    base: Path  # folder of the prepared base model; made from `base_name` when it is not there yet
    beside: tuple[Path, ...] = ()  # the same of tasks that are trained together with it
    out: Path  # folder to fill: adapter/, student.gguf, heldout_outputs.jsonl
    base_name: str = DEFAULT_BASE  # the default, a local Hugging Face folder, or a hub id
    program: Program = field(default_factory=Program)
    teaching: Teaching = field(default_factory=Teaching)
    task_id: str = ""
    tuned: bool = True  # False: the base as it is, only exported
    student_name: str = "student"
    epochs: float | None = None  # passes over the training rows, may be a fraction; None: `adapt.pace`
    lr: float | None = None  # peak learning rate, cosine down to 5% of it; None: `adapt.pace`
    rank: int = 16  # of the LoRA adapter; alpha is twice the rank
    batch: int | None = None  # examples per optimiser step; None: `adapt.pace`
    patience: int = (
        3  # checks on validation rows without a better loss after which training stops; 0: no checks
    )
    max_length: int = 1024  # tokens of one example; longer ones are left out and counted
    adapt_layers: int = 0  # adapt only this many top layers; 0: all of them
    device: str = "auto"  # auto | cpu | cuda
    precision: str = "auto"  # of the frozen base: auto (bf16 where the device computes in it) | fp32 | bf16
    four_bit: bool = False  # QLoRA: the frozen base in 4 bits; CUDA only
    threads: int = 2  # of torch
    seed: int = 0
    max_new_tokens: int = 256  # of one greedy answer on a held-out prompt
    parity_rows: int = 200  # held-out prompts to answer for the parity check
    checkpoint_every: int = 25  # optimiser steps between two checkpoints
    min_rows: int = 20  # passing rows below which training is refused

    def __post_init__(self) -> None:
        """Refuse what cannot be trained. Raises SpecError."""
        for name in (
            "rank",
            "max_length",
            "threads",
            "max_new_tokens",
            "checkpoint_every",
            "min_rows",
        ):
            _need(getattr(self, name) >= 1, f"{name} must be at least 1")
        _need(self.batch is None or self.batch >= 1, "batch must be at least 1")
        _need(self.epochs is None or self.epochs > 0, "epochs must be above 0")
        _need(self.lr is None or self.lr > 0, "lr must be above 0")
        _need(self.patience >= 0, "patience must not be negative")
        _need(self.parity_rows >= 0, "parity_rows must not be negative")
        _need(self.adapt_layers >= 0, "adapt_layers must not be negative")
        _need(self.device in DEVICES, f"device must be one of {', '.join(DEVICES)}")
        _need(self.precision in PRECISIONS, f"precision must be one of {', '.join(PRECISIONS)}")

    def to_json(self) -> dict[str, Any]:
        """As a JSON object; `from_json` gives an equal value back."""
        return {k: _plain(v) for k, v in asdict(self).items()}

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> TrainSpec:
        """From a JSON object. Raises SpecError for an unknown, missing or ill-typed field."""
        hints = get_type_hints(cls)
        if unknown := sorted(set(data) - set(hints)):
            raise SpecError(f"unknown field {unknown[0]!r} in the training spec")
        values = {name: _read(name, hints[name], value) for name, value in data.items()}
        try:
            return cls(**values)
        except TypeError as error:
            raise SpecError(f"incomplete training spec: {error}") from error

    def save(self, job: Path) -> Path:
        """Write `spec.json` into the job's folder by atomic rename; returns its path."""
        job.mkdir(parents=True, exist_ok=True)
        write(job / SPEC, json.dumps(self.to_json(), indent=1))
        return job / SPEC

    @classmethod
    def load(cls, job: Path) -> TrainSpec:
        """Read `spec.json` of a job's folder. Raises SpecError."""
        path = job / SPEC
        try:
            data = json.loads(path.read_text("utf-8"))
        except (OSError, ValueError) as error:
            raise SpecError(f"cannot read {path}: {error}") from error
        if not isinstance(data, dict):
            raise SpecError(f"{path} must hold a JSON object")
        return cls.from_json(data)


def _need(holds: bool, sentence: str) -> None:  # noqa: FBT001 - an assertion with words
    if not holds:
        raise SpecError(sentence)


def _plain(value: Any) -> Any:
    if isinstance(value, tuple):
        return [_plain(each) for each in value]
    return str(value) if isinstance(value, Path) else value


def _read(name: str, kind: Any, value: Any) -> Any:
    if kind is Program:
        return _program(value)
    if kind is Teaching:
        return _teaching(value)
    if kind is Path and isinstance(value, str):
        return Path(value)
    if name == "beside" and isinstance(value, list) and all(isinstance(each, str) for each in value):
        return tuple(Path(each) for each in value)
    kinds = get_args(kind) or (kind,)
    if float in kinds and type(value) is int:
        return float(value)
    if type(value) in kinds:
        return value
    raise SpecError(f"{name} must be a {kinds[0].__name__.lower()}, not {value!r}")


def _program(value: Any) -> Program:
    try:
        return read_program(value)
    except ValueError as error:
        raise SpecError(f"program: {error}") from error


def _teaching(value: Any) -> Teaching:
    try:
        return msgspec.convert(value, Teaching)
    except ValueError as error:
        raise SpecError(f"teaching: {error}") from error
