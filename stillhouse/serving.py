"""The student servers that the control state wants, as children. Knows no student by its quality."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from dataclasses import replace
from typing import Protocol

from sqlalchemy.exc import SQLAlchemyError

from distiller.serving.engines import MODULES
from stillhouse.processes.child import Child
from store.control import Control
from store.errors import StoreError
from store.paths import DataFolder
from store.vocabulary import Server

logger = logging.getLogger(__name__)
POLL_S = 0.5
STOP_S = 5.0


class MakeChild(Protocol):
    """Makes a child by name, module and arguments."""

    def __call__(self, name: str, module: str, *arguments: str) -> Child:
        """Make it; it is not started yet."""


class StudentServers:
    """Starts what is wanted, stops what is not, and reports process ids."""

    def __init__(
        self, folder: DataFolder, make: MakeChild, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._folder = folder
        self._make = make
        self._clock = clock
        self._running: dict[Server, Child] = {}
        self._seen: dict[str, int | None] = {}
        self._control: Control | None = None
        self._next = 0.0

    def children(self) -> list[Child]:
        """Give all student servers' children."""
        return list(self._running.values())

    def tick(self) -> None:
        """Look at each server; every POLL_S also at what is wanted. Survives a missing or broken control state."""
        try:
            if self._clock() >= self._next:
                self._next = self._clock() + POLL_S
                self._follow()
            for server, child in self._running.items():
                child.tick()
                self._report(server, child)
        except (StoreError, SQLAlchemyError) as error:
            logger.warning("the control state cannot be read; student servers stay as they are: %s", error)
            self.close()

    def _follow(self) -> None:
        if self._control is None:
            if not self._folder.control.exists():
                return
            self._control = Control.open(self._folder.control)
        wanted = {_identity(server): server for server in self._control.servers() if server.wanted}
        for gone in set(self._running) - set(wanted):
            child = self._running.pop(gone)
            child.ask_to_stop()
            child.finish(STOP_S)
            self._control.seen_pid(gone.student_id, None)
            self._seen.pop(gone.student_id, None)
        for new in set(wanted) - set(self._running):
            self._running[new] = self._child(self._control, new)

    def _child(self, control: Control, server: Server) -> Child:
        student = control.student(server.student_id)
        return self._make(
            f"student-{server.student_id}",
            MODULES[server.engine],
            *("--weights", server.weights),
            *("--port", str(server.port)),
            *("--url", server.url),
            *("--parallel", str(server.parallel)),
            *("--context", str(server.context)),
            *("--threads", str(server.threads)),
            *("--model", student.model if student else "student"),
        )

    def _report(self, server: Server, child: Child) -> None:
        pid = child.pid
        if self._control and self._seen.get(server.student_id) != pid:
            self._control.seen_pid(server.student_id, pid)
            self._seen[server.student_id] = pid

    def close(self) -> None:
        """Let the control state go; it is opened again when it is next looked at."""
        if self._control is not None:
            self._control.close()
        self._control = None


def _identity(server: Server) -> Server:
    """Give what makes a server itself: anything else than its process id."""
    return replace(server, pid=None)
