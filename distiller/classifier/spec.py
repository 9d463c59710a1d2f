"""What the classifier's child is told: a frozen value, JSON in and out. Knows no encoder and no process."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import msgspec

from distiller.classifier.packaged import DEFAULT_ENCODER
from distiller.scoring.shape import Shape
from distiller.training.files import SPEC, write
from distiller.training.spec import SpecError
from store.vocabulary import Program


@dataclass(frozen=True, kw_only=True, slots=True)
class ClassifierSpec:
    """One classifier to make. Paths are absolute."""

    trainset: str  # folder with train.jsonl, heldout.jsonl, card.json
    out: str  # folder to fill: classifier/, program.json, heldout_outputs.jsonl
    shape: Shape  # of the answers: what counts as the same one
    encoder: str = DEFAULT_ENCODER  # that, or a folder
    program: Program = Program()  # noqa: RUF009 - frozen
    threads: int = 2
    seed: int = 0
    heldout_rows: int = 200  # held-out prompts to answer for the parity check

    def to_json(self) -> dict[str, Any]:
        """As a JSON object."""
        return asdict(self)

    def save(self, folder: Path) -> Path:
        """Write `spec.json` into the rung's folder by atomic rename; returns its path."""
        write(folder / SPEC, json.dumps(self.to_json(), indent=1))
        return folder / SPEC

    @classmethod
    def load(cls, folder: Path) -> ClassifierSpec:
        """Read `spec.json` of a rung's folder. Raises SpecError."""
        path = folder / SPEC
        try:
            return msgspec.json.decode(path.read_bytes(), type=cls)
        except (OSError, msgspec.DecodeError) as error:
            raise SpecError(f"cannot read {path}: {error}") from error
