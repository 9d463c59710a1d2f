"""What a rung that optimises prompts is told: JSON in and out. Knows no DSPy, no model and no process.

No token stands in it: a child gets its access to models in its environment.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from enum import StrEnum
from pathlib import Path
from typing import Any

from distiller.scoring.spec import MetricSpec
from distiller.training.files import SPEC, write
from distiller.training.spec import SpecError, TrainSpec


class Way(StrEnum):
    """What is optimised."""

    FEWSHOT = "fewshot"  # the examples before the request
    INSTRUCTIONS = "instructions"
    BOTH = "both"  # prompt, weights, prompt again


@dataclass(frozen=True, kw_only=True, slots=True)
class PromptSpec:
    """One optimisation of a prompt, or of prompt and weights."""

    way: Way
    train: TrainSpec  # paths, base, the program to begin with; and how weights are trained, for `both`
    metric: MetricSpec
    demo_calls: tuple[str, ...] = ()  # ids of the calls whose words `train.program` repeats, or may
    head_hash: str = (
        ""  # of the instructions that nearly all requests share; "": they vary, or there are none
    )
    context: int = 2048  # tokens of one request, prompt and answer together
    parallel: int = 4  # requests at a time
    validation: int = 64  # conversations on which candidates are compared
    optimizer_model: str = ""  # that rewrites instructions; "": none
    base_url: str = ""  # where that model is asked

    def __post_init__(self) -> None:
        """Refuse what cannot be done. Raises SpecError."""
        if min(self.context, self.parallel, self.validation) < 1:
            raise SpecError("context, parallel and validation must be at least 1")

    @property
    def rewrites(self) -> bool:
        """Whether there is a model to rewrite instructions, and instructions to rewrite."""
        return bool(self.optimizer_model and self.base_url and self.head_hash)

    def to_json(self) -> dict[str, Any]:
        """As a JSON object; `from_json` gives an equal value back."""
        return {**asdict(self), "train": self.train.to_json(), "metric": self.metric.to_json()}

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> PromptSpec:
        """From a JSON object. Raises SpecError."""
        try:
            train, metric = TrainSpec.from_json(data["train"]), MetricSpec.from_json(data["metric"])
            calls = tuple(data.get("demo_calls", ()))
            told = {**data, "way": Way(data["way"]), "demo_calls": calls}
            return cls(**{**told, "train": train, "metric": metric})
        except (KeyError, TypeError, ValueError) as error:
            raise SpecError(f"this is no spec of a prompt rung: {error}") from error

    def save(self, job: Path) -> Path:
        """Write `spec.json` into the rung's folder by atomic rename; returns its path."""
        job.mkdir(parents=True, exist_ok=True)
        write(job / SPEC, json.dumps(self.to_json(), indent=1))
        return job / SPEC

    @classmethod
    def load(cls, job: Path) -> PromptSpec:
        """Read `spec.json` of a rung's folder. Raises SpecError."""
        path = job / SPEC
        try:
            data = json.loads(path.read_text("utf-8"))
        except (OSError, ValueError) as error:
            raise SpecError(f"cannot read {path}: {error}") from error
        return cls.from_json(data)
