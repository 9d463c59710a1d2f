"""The worker's view of the published routes, whenever there is one. Knows no HTTP.

`router.feed` follows a control state that is there; this waits for one that is not, so that a worker starts
and serves the teacher without it, and never makes the file itself.
"""

from __future__ import annotations

import asyncio
import logging
import time

from sqlalchemy.exc import SQLAlchemyError

from router.feed import RouteFeed
from router.table import Table
from store.control import Control
from store.errors import StoreError
from store.paths import DataFolder
from store.template import Templates
from store.vocabulary import Attempt, Choice, Route

logger = logging.getLogger(__name__)
RETRY_S = 0.5
_NO_ROUTES = Table()
_NO_TEMPLATES = Templates()


class Routes:
    """A Chooser that is total from the first moment."""

    def __init__(self, folder: DataFolder) -> None:
        self._folder = folder
        self._feed: RouteFeed | None = None

    async def run(self) -> None:
        """Wait for the control state, then follow it, until cancelled."""
        complained = False
        while self._feed is None:
            try:
                await asyncio.to_thread(self._open)
            except (StoreError, SQLAlchemyError) as error:
                if not complained:
                    logger.warning("no routes, the teacher answers everything: %s", error)
                complained = True
            await asyncio.sleep(RETRY_S if self._feed is None else 0)
        await self._feed.run()

    @property
    def state(self) -> str:
        """One word: fresh, stale, stopped, or none while there is no control state."""
        return self._feed.state() if self._feed else "none"

    @property
    def stopped(self) -> bool:
        """Whether no student answers because of the STOP file; as it is used for choices."""
        if self._feed is not None:
            return self._feed.state() == "stopped"
        return self._folder.stop_file.exists()

    @property
    def templates(self) -> Templates:
        """The published templates; none while there is no control state."""
        return self._feed.templates if self._feed else _NO_TEMPLATES

    def route(self, fingerprint: str) -> Route | None:
        """Give the published route of a fingerprint, or None."""
        return (self._feed or _NO_ROUTES).route(fingerprint)

    def choose(
        self, *, fingerprint: str, unit: str, call_id: str, barred: str | None, slices: tuple[str, ...] = ()
    ) -> Choice:
        """Decide who answers a call; the teacher while there is no control state."""
        chooser = self._feed or _NO_ROUTES
        return chooser.choose(
            fingerprint=fingerprint, unit=unit, call_id=call_id, barred=barred, slices=slices
        )

    def saw(self, attempt: Attempt) -> None:
        """Learn how an attempt ended."""
        if self._feed is not None:
            self._feed.saw(attempt)

    def _open(self) -> None:
        if self._folder.control.exists():
            control = Control.open(self._folder.control)
            self._feed = RouteFeed(control, self._folder.stop_file, time.time)
