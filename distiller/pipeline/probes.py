"""Asks a live rollout's teacher a frozen set of requests again. Knows no statistics: whoever watches it has them."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Sequence

from distiller.evaluation.ceiling import LEAST
from distiller.pipeline.again import ask_again, recent, shortfall
from distiller.pipeline.parts import OpenAccess, Parts
from distiller.scoring.shape import Shape
from distiller.scoring.spec import MetricSpec, ScorerUnavailable

_log = logging.getLogger(__name__)
_DAY_S = 86_400.0


class Probes:
    """Asks the teacher again for answers that it gave before. `access` opens a budget that is a day's."""

    def __init__(self, parts: Parts, access: Callable[[], OpenAccess]) -> None:
        self._parts = parts
        self._fresh = access
        self._opened = access()
        self._day = int(parts.now() // _DAY_S)

    def choose(self, task_id: str, version: int, most: int, after_ts: float) -> list[str]:
        """Return ids of the teacher's whole and valid answers since a time, spread over the latest of them."""
        return [one.attempt_id for one in recent(self._parts, task_id, version, most, after_ts)]

    async def ask(self, task_id: str, version: int, attempts: Sequence[str], usd: float) -> dict[str, float]:
        """Ask these again for at most `usd` US dollars a day; return the agreement of those that came, by id.

        By the task's metric where that is agreement, else by the answers' shape. What was erased is not asked.
        """
        today = int(self._parts.now() // _DAY_S)
        if today != self._day:
            self._opened, self._day = self._fresh(), today
        calls = await asyncio.to_thread(self._parts.log.answers, attempts)
        metric = await asyncio.to_thread(self._metric, task_id)
        purpose = f"probes {task_id}@{version}"
        try:
            found = await ask_again(self._parts.scorer, self._opened, (purpose, usd), metric, calls)
        except ScorerUnavailable as error:
            _log.warning("%s were not scored: %s", purpose, error)
            return {}
        if len(found.values) < LEAST:
            _log.warning("%s: %s", purpose, shortfall(len(found.values), found.errors))
        return found.values

    def _metric(self, task_id: str) -> MetricSpec:
        metric = self._parts.shapes.metric(task_id)
        shape = self._parts.shapes.of(task_id) or Shape.TEXT
        return metric if metric.agreement else MetricSpec(name=shape.value)
