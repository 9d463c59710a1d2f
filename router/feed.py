"""The routes and templates of one gateway worker, kept up to date. Knows no rollout and no HTTP.

It fulfils the gateway's Chooser. Whatever happens to the control state, `choose` answers at once from
memory; a table that nobody has vouched for in the last minute serves the teacher.
"""

from __future__ import annotations

import asyncio
import logging
import os
from collections.abc import Callable
from pathlib import Path
from typing import Protocol

from router.breaker import Breaker
from router.table import Table, teacher
from store.template import Template, Templates
from store.vocabulary import Attempt, Choice, Role, Route, Who

_log = logging.getLogger(__name__)


class RouteSource(Protocol):
    """What is read of the control state."""

    def data_version(self) -> int:
        """Give a number that changes when anyone commits."""

    def heartbeat_at(self) -> float:
        """Give when the leader last said that it lives (Unix seconds), 0 for never."""

    def routes(self) -> list[Route]:
        """Give what is published."""

    def templates_revision(self) -> int:
        """Give a number that changes when templates are published."""

    def templates(self) -> list[Template]:
        """Give the published templates."""


class RouteFeed:
    """A Chooser over the published routes.

    `clock` gives Unix seconds. With the file `stop_file` present, or a heartbeat more than `stale_s` away,
    the teacher answers everything. A student that fails in this worker is taken off here at once: control
    may be dead, or slow to learn of it.
    """

    def __init__(
        self,
        control: RouteSource,
        stop_file: Path,
        clock: Callable[[], float],
        *,
        poll_s: float = 0.15,
        stale_s: float = 60.0,
        stop_check_s: float = 0.25,
    ) -> None:
        self._control = control
        self._stop_file = stop_file
        self._clock = clock
        self._poll_s = poll_s
        self._stale_s = stale_s
        self._stop_check_s = stop_check_s
        self._table = Table()
        self._breaker = Breaker()
        self._templates = Templates()
        self._revision = 0  # of the templates
        self._version: int | None = None
        self._heartbeat = 0.0
        self._stopped = False
        self._stop_checked = float("-inf")
        self._failing = False

    async def run(self) -> None:
        """Follow the control state until cancelled. Reads in a thread: a slow disk delays no request."""
        while True:
            await asyncio.to_thread(self.refresh)
            await asyncio.sleep(self._poll_s)

    def refresh(self) -> None:
        """Read the control state once, if it changed. Never raises: what cannot be read grows stale."""
        try:
            version = self._control.data_version()
            if version != self._version:
                routes = self._control.routes()
                self._heartbeat = self._control.heartbeat_at()
                self._table = Table.of(routes)
                self._breaker.told(routes, self._heartbeat)
                self._read_templates()  # last: a rollback waits for no template
                self._version = version
            self._failing = False
        except Exception:  # noqa: BLE001 - the top of the loop: an old table beats no answer
            if not self._failing:  # once, not five times a second
                _log.exception("the route table cannot be read; the last one is used until it is stale")
            self._failing = True

    def state(self) -> str:
        """Say how the table is, for readiness: `fresh`, `stale` or `stopped`."""
        if self._is_stopped():
            return "stopped"
        return "stale" if self._is_stale() else "fresh"

    @property
    def templates(self) -> Templates:
        """The published templates, as last read: stale ones still name a call, and no student answers by them."""
        return self._templates

    def route(self, fingerprint: str) -> Route | None:
        """Give the published route of a fingerprint, or None. Never raises."""
        return self._table.route(fingerprint)

    def choose(
        self, *, fingerprint: str, unit: str, call_id: str, barred: str | None, slices: tuple[str, ...] = ()
    ) -> Choice:
        """Decide who answers a call. Never raises."""
        table = self._table
        route = table.route(fingerprint)
        if route is not None and self._is_stopped():
            return teacher(route, "stopped")
        if route is not None and self._is_stale():
            return teacher(route, "stale_routes")
        if route is not None and self._breaker.off(route.student_id):
            return teacher(route, "breaker")
        return table.choose(fingerprint=fingerprint, unit=unit, call_id=call_id, barred=barred, slices=slices)

    def saw(self, attempt: Attempt) -> None:
        """Learn how an attempt ended. Never raises."""
        if attempt.who != Who.STUDENT or attempt.role != Role.SERVE or attempt.student_id is None:
            return
        if self._breaker.saw(attempt.student_id, attempt.outcome, self._clock()):
            _log.warning("student %s fails: the teacher answers until control decides", attempt.student_id)

    def _read_templates(self) -> None:
        """Read them where they were published anew: they are many, and heartbeats come twice a second."""
        revision = self._control.templates_revision()
        if revision != self._revision:
            self._templates = Templates(self._control.templates())
            self._revision = revision

    def _is_stale(self) -> bool:
        """Judge the heartbeat; one from the future says as little as an old one."""
        return abs(self._clock() - self._heartbeat) > self._stale_s

    def _is_stopped(self) -> bool:
        """Look for the file, at most a few times a second, whatever state the control state is in."""
        now = self._clock()
        if abs(now - self._stop_checked) >= self._stop_check_s:
            self._stopped = os.path.lexists(self._stop_file)
            self._stop_checked = now
        return self._stopped
