"""Keeps everybody still who copies rows out of the log, while rows are taken out of it. Knows no phase."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any

from distiller.pipeline import Executor
from distiller.scoring.client import ScorerClient


class Quiet:
    """The scorer, the jobs and the probes hold answers in memory, and write about them later: they wait meanwhile."""

    def __init__(
        self,
        executor: Executor,
        scorer: ScorerClient,
        score: Callable[[], Awaitable[Any]],
        probe: Callable[[], Awaitable[Any]],
    ) -> None:
        self._executor = executor
        self._scorer = scorer
        self._score = score
        self._probe = probe
        self._scoring = asyncio.Lock()  # guards: no score is made while this is kept
        self._probing = asyncio.Lock()  # guards: no teacher is asked again while this is kept

    async def score(self) -> None:
        """Make scores, unless it is quiet."""
        async with self._scoring:
            await self._score()

    async def probe(self) -> None:
        """Ask teachers again, unless it is quiet."""
        async with self._probing:
            await self._probe()

    async def forget(self) -> None:
        """Empty the scorer's cache."""
        await self._scorer.forget()

    @asynccontextmanager
    async def kept(self) -> AsyncIterator[None]:
        """Keep quiet: the job under way is given back and goes on afterwards."""
        async with self._scoring, self._probing, self._executor.still():
            yield
