"""A DSPy fine-tuning provider over a plain function. Knows no torch: the function does the training.

DSPy runs `finetune` in a thread of its own and gives it no way to cancel; the function stops by itself.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from dspy.clients.provider import Provider, TrainingJob
from dspy.clients.utils_finetune import TrainDataFormat

Train = Callable[[list[dict[str, Any]]], str]  # chat rows -> model id


class LocalJob(TrainingJob):  # type: ignore[misc]
    """A training job that lives in this process."""

    def status(self) -> str:
        """Return `running` or `done`."""
        return "done" if self.done() else "running"


class LocalProvider(Provider):  # type: ignore[misc]
    """Hands DSPy's training rows to `train` and returns its model id."""

    def __init__(self, train: Train) -> None:
        super().__init__()
        self.finetunable = True
        self.TrainingJob = LocalJob
        self._train = train

    def finetune(
        self,
        job: TrainingJob,  # noqa: ARG002
        model: str,  # noqa: ARG002
        train_data: list[dict[str, Any]],
        train_data_format: TrainDataFormat | str | None,
        train_kwargs: dict[str, Any] | None = None,  # noqa: ARG002
    ) -> str:
        """Train on chat rows. Raises what `train` raises."""
        if train_data_format != TrainDataFormat.CHAT:
            raise ValueError(f"this provider trains on chat rows, not on {train_data_format}")
        return self._train(train_data)
