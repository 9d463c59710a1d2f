"""Whether a search may go on. Optimisers swallow what a call raises; this does not forget it. Knows no optimiser."""

from __future__ import annotations

from collections.abc import Callable

from distiller.training.errors import Stopped, TrainingError


class Watch:
    """Asked before each answer and after each search. `stopping()` tells that the process should leave."""

    def __init__(self, stopping: Callable[[], bool]) -> None:
        self._stopping = stopping
        self._broken: TrainingError | None = None

    @property
    def over(self) -> bool:
        """Whether `check` would raise."""
        return self._broken is not None or self._stopping()

    def broke(self, error: TrainingError) -> TrainingError:
        """Remember what makes going on useless, and give it back to be raised."""
        self._broken = self._broken or error
        return error

    def check(self) -> None:
        """Raise Stopped when asked to stop, or what broke."""
        if self._stopping():
            raise Stopped("stopped; a rerun goes on with what was answered")
        if self._broken is not None:
            raise self._broken
