"""Carries notices from the outbox to the channels: in order, at least once, each channel at its own pace.

A channel that fails is tried again, ever more rarely; what waits for it stays in the outbox, for three days
and 10,000 rows at most. Knows no channel's protocol.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Collection, Sequence
from dataclasses import replace
from typing import Protocol

from stillhouse.errors import Undelivered
from stillhouse.notices.notice import KINDS, Notice, notice_of
from store.control import Announced, Control, Reader

logger = logging.getLogger(__name__)
PAGE = 50
MOST_ROWS = 10_000
GIVE_UP_S = 3 * 86_400.0
FIRST_WAIT_S = 1.0
LONGEST_WAIT_S = 300.0


class Channel(Protocol):
    """A way to people. Its name is its place in the control state."""

    name: str

    async def send(self, notice: Notice) -> None:
        """Deliver a notice. Raises Undelivered."""

    async def aclose(self) -> None:
        """Let go of what it holds."""


class InLog:
    """The channel that is always there: the log of control."""

    name = "log"

    async def send(self, notice: Notice) -> None:
        """Write one line."""
        logger.info("notice (%s): %s. %s", notice.kind, notice.title, notice.text)

    async def aclose(self) -> None:
        """There is nothing to close."""


class Post:
    """Delivers under one leader's epoch, and forgets channels that are not there any more. `clock` gives Unix seconds, `watch` seconds that never go back."""

    def __init__(
        self,
        control: Control,
        channels: Sequence[Channel],
        epoch: int,
        *,
        kinds: Collection[str] = KINDS,
        clock: Callable[[], float],
        watch: Callable[[], float],
    ) -> None:
        self.channels = tuple(channels)
        self._control = control
        self._epoch = epoch
        self._kinds = frozenset(kinds)
        self._clock = clock
        self._watch = watch
        control.keep_outbox_readers([channel.name for channel in self.channels], epoch)
        self._failures: dict[str, int] = {}  # in a row, by channel
        self._wait_until: dict[str, float] = {}

    async def deliver(self, channel: Channel) -> int:
        """Deliver what waits for a channel, up to a page; return how many rows it is done with."""
        if self._watch() < self._wait_until.get(channel.name, 0.0):
            return 0
        reader = await asyncio.to_thread(self._control.outbox_reader, channel.name, self._epoch)
        rows = await asyncio.to_thread(self._control.announced, reader.position, PAGE)
        if rows and (lost := rows[0].position - reader.position - 1):
            logger.warning("%d notices for %s were too many to wait; they are dropped", lost, channel.name)
            reader = replace(reader, position=reader.position + lost, dropped=reader.dropped + lost)
        for number, row in enumerate(rows):
            if (moved := await self._past(channel, reader, row)) is None:
                return number
            reader = moved
        return len(rows)

    async def trim(self) -> None:
        """Let go of rows that every channel has, and of the oldest beyond the bound."""
        await asyncio.to_thread(self._trim)

    async def aclose(self) -> None:
        """Close all channels."""
        for channel in self.channels:
            await channel.aclose()

    async def _past(self, channel: Channel, reader: Reader, row: Announced) -> Reader | None:
        """Deliver one row, or give it up; None where it is to be tried again. What was sent is written down at once."""
        notice = notice_of(row)
        moved = replace(reader, position=row.position)
        if notice is not None and notice.kind in self._kinds:
            try:
                await channel.send(notice)
            except Undelivered as error:
                if self._clock() - row.ts <= GIVE_UP_S:
                    self._failed(channel, error)
                    return None
                logger.warning("notice %s is given up for %s: %s", notice.notice_id, channel.name, error)
                moved = replace(moved, dropped=reader.dropped + 1)
            else:
                self._well(channel)
        await asyncio.to_thread(self._control.save_outbox_reader, moved, self._epoch)
        return moved

    def _failed(self, channel: Channel, error: Undelivered) -> None:
        failures = self._failures.get(channel.name, 0) + 1
        if failures == 1:
            logger.warning("notices wait: %s takes none (%s); it is tried again", channel.name, error)
        self._failures[channel.name] = failures
        wait = min(LONGEST_WAIT_S, FIRST_WAIT_S * 2 ** min(failures - 1, 20))
        self._wait_until[channel.name] = self._watch() + wait

    def _well(self, channel: Channel) -> None:
        if self._failures.pop(channel.name, 0):
            logger.info("%s takes notices again", channel.name)
        self._wait_until.pop(channel.name, None)

    def _trim(self) -> None:
        readers = [self._control.outbox_reader(channel.name, self._epoch) for channel in self.channels]
        self._control.trim_outbox(min(reader.position for reader in readers), MOST_ROWS, self._epoch)
