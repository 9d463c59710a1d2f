"""Work that is done again and again. Knows none of it."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from typing import Any

from store.errors import StaleEpoch

logger = logging.getLogger(__name__)
LONGEST_S = 30.0


async def every(name: str, period_s: float, step: Callable[[], Awaitable[Any]]) -> None:
    """Run a step for ever, `period_s` after the last one's end. A step that fails is logged and tried again.

    It waits longer each time it fails in a row. Raises StaleEpoch: a later leader exists.
    """
    failures = 0
    while True:
        try:
            await step()
            failures = 0
        except StaleEpoch:
            raise
        except Exception:
            failures += 1
            logger.exception("%s failed; it is tried again", name)
        await asyncio.sleep(min(LONGEST_S, period_s * 2 ** min(failures, 10)))


def in_thread(step: Callable[[], Any]) -> Callable[[], Awaitable[Any]]:
    """Make a blocking step one that delays nobody else."""

    async def run() -> Any:
        return await asyncio.to_thread(step)

    return run
