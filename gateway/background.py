"""Bounded background work of one worker. Knows not what the work is."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Coroutine
from typing import Any

log = logging.getLogger(__name__)


class Background:
    """Runs at most `concurrency` jobs at once, lets `queue` more wait, and takes no others."""

    def __init__(self, *, concurrency: int, queue: int) -> None:
        self._slots = asyncio.Semaphore(concurrency)
        self._most = concurrency + queue
        self._tasks: set[asyncio.Task[None]] = set()

    @property
    def pending(self) -> int:
        """Jobs that wait or run."""
        return len(self._tasks)

    def submit(self, job: Callable[[], Coroutine[Any, Any, None]], *, never: Callable[[], None]) -> bool:
        """Take a job; False where there is no room for it. `never` is called if it is cancelled unbegun."""
        if len(self._tasks) >= self._most:
            return False
        task = asyncio.ensure_future(self._run(job, never))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return True

    async def drain(self, seconds: float) -> None:
        """Let the jobs end; cancel those that have not after `seconds`."""
        if self._tasks:
            await asyncio.wait(set(self._tasks), timeout=seconds)
        for task in self._tasks:
            task.cancel()
        if self._tasks:
            await asyncio.wait(set(self._tasks))

    async def _run(self, job: Callable[[], Coroutine[Any, Any, None]], never: Callable[[], None]) -> None:
        begun = False
        try:
            async with self._slots:
                begun = True
                await job()
        except asyncio.CancelledError:
            if not begun:
                never()
            raise
        except Exception:
            log.exception("A background job failed.")
