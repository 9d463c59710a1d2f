"""Who waits until which byte is on the disk. Knows no disk.

Its owner's lock is held for every call; what it resolves, it resolves in the waiter's own event loop.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass

from store.errors import StoreError


@dataclass(slots=True, eq=False)
class Waiter:
    """One who waits."""

    target: int  # bytes that must be on the disk
    loop: asyncio.AbstractEventLoop
    future: asyncio.Future[None]


class Waiters:
    """Those who wait."""

    def __init__(self) -> None:
        self._waiting: list[Waiter] = []

    def __bool__(self) -> bool:
        """Whether anybody waits."""
        return bool(self._waiting)

    def add(self, target: int) -> Waiter:
        """Let the running task's loop wait for `target` bytes."""
        loop = asyncio.get_running_loop()
        waiter = Waiter(target, loop, loop.create_future())
        self._waiting.append(waiter)
        return waiter

    def forget(self, waiter: Waiter) -> None:
        """Drop one who waits no more, if it is still there."""
        if waiter in self._waiting:
            self._waiting.remove(waiter)

    def settle(self, target: int | None, failure: StoreError | None) -> None:
        """Answer those who wait for up to `target` bytes, or all of them for None."""
        waiting, self._waiting = self._waiting, []
        for waiter in waiting:
            if target is not None and waiter.target > target:
                self._waiting.append(waiter)
                continue
            try:
                waiter.loop.call_soon_threadsafe(_resolve, waiter.future, failure)
            except RuntimeError:
                continue  # its loop ended before the disk did


def _resolve(future: asyncio.Future[None], failure: StoreError | None) -> None:
    if future.done():
        return
    if failure is None:
        future.set_result(None)
    else:
        future.set_exception(failure)
