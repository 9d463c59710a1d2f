"""How DSPy's BootstrapFinetune is called for one task: JSON in and out. Knows no DSPy, no model and no token."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from distiller.scoring.spec import MetricSpec
from distiller.settings import FinetuneSettings

_OF_TRAINSET = "max_rows"  # of `train_kwargs`, what was done when the trainset was made


@dataclass(frozen=True, kw_only=True, slots=True)
class Teaching:
    """The task's own parameters, and what they need to be followed."""

    finetune: FinetuneSettings = field(default_factory=FinetuneSettings)
    metric: MetricSpec = field(default_factory=lambda: MetricSpec(name="text"))  # of the task's answers
    threshold: float = 0.5  # an answer passes from this score on
    base_url: str = ""  # where a live teacher is asked

    @property
    def judging(self) -> MetricSpec | None:
        """The metric that says which answers are learnt, None where the log has said so already."""
        if self.finetune.metric:
            return MetricSpec(name=self.finetune.metric)
        return self.metric if self.finetune.live else None

    @property
    def train_kwargs(self) -> dict[str, Any]:
        """What DSPy hands to the trainer."""
        return {key: value for key, value in self.finetune.train_kwargs.items() if key != _OF_TRAINSET}
