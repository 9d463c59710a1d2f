"""A DSPy fine-tuning provider over a plain function and a local server. Knows no torch: the function does the training.

DSPy runs `finetune` in a thread of its own and gives it no way to cancel; the function stops by itself.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Protocol

from dspy.clients.provider import Provider, TrainingJob
from dspy.clients.utils_finetune import TrainDataFormat

Train = Callable[..., str]  # chat rows, and by name what else the optimiser was told -> model id


class House(Protocol):
    """Serves models by their names."""

    def url(self, model: str) -> str:
        """Return the base URL of a model's server, which runs from now on."""
        ...

    def stop(self, model: str) -> None:
        """Stop a model's server, if it runs."""
        ...


class LocalJob(TrainingJob):  # type: ignore[misc]
    """A training job that lives in this process."""

    def status(self) -> str:
        """Return `running` or `done`."""
        return "done" if self.done() else "running"


class LocalProvider(Provider):  # type: ignore[misc]
    """Hands DSPy's training rows to `train` and returns its model id; where it has a `house`, models are served there."""

    def __init__(self, train: Train, house: House | None = None) -> None:
        super().__init__()
        self._house = house
        self.finetunable = True
        self.TrainingJob = LocalJob
        self._train = train

    def launch(self, lm: Any, launch_kwargs: dict[str, Any] | None = None) -> None:  # noqa: ARG002
        """Start the model's server; one that runs stays."""
        if self._house is not None:
            self._house.url(lm.model)

    def kill(self, lm: Any, launch_kwargs: dict[str, Any] | None = None) -> None:  # noqa: ARG002
        """Stop the model's server, if it runs."""
        if self._house is not None:
            self._house.stop(lm.model)

    def finetune(
        self,
        job: TrainingJob,  # noqa: ARG002
        model: str,  # noqa: ARG002
        train_data: list[dict[str, Any]],
        train_data_format: TrainDataFormat | str | None,
        train_kwargs: dict[str, Any] | None = None,
    ) -> str:
        """Train on chat rows. Raises what `train` raises."""
        if train_data_format != TrainDataFormat.CHAT:
            raise ValueError(f"this provider trains on chat rows, not on {train_data_format}")
        return self._train(train_data, **(train_kwargs or {}))
