"""One gateway worker's process: settings, journal, routes, transport, server. Knows no log and no model.

It serves the teacher as long as it lives, whatever became of control and of the control state.
"""

from __future__ import annotations

import asyncio
import logging
import secrets
import sys
from collections.abc import Callable
from contextlib import suppress
from functools import partial

import uvloop

from gateway import app
from gateway.engine import apps
from gateway.engine.client import NativeTransport
from gateway.engine.trust import Trust
from gateway.errors import AnswerCut
from gateway.ports import Readiness
from gateway.upstream.httpx_engine import HttpxTransport
from gateway.upstream.trusted import trusted
from stillhouse.errors import StillhouseError
from stillhouse.journal import LateJournal, figures
from stillhouse.processes import arguments, logs, ports, stdin
from stillhouse.processes.alive import Figures, Voice
from stillhouse.processes.arguments import Told
from stillhouse.processes.served import Served
from stillhouse.routes import Routes
from stillhouse.settings import convert
from store.errors import StoreError
from store.paths import DataFolder

logger = logging.getLogger(__name__)
SAY_S = 0.1
SALT_BYTES = 32


async def serve(told: Told) -> None:
    """Serve until standard input closes."""
    settings = told.settings
    folder = DataFolder(settings.data)
    with suppress(StoreError):  # it was made by `up`; where it was not, and cannot be, the journal says so
        folder.create()
    journal = LateJournal(folder.journal, f"w{told.index}", settings)
    routes = Routes(folder)
    own = convert.gateway(settings, _salt(folder), told.door)
    health = Health(journal, routes)
    native = NativeTransport(tls=Trust.usual(own.ca_file)) if settings.gateway.engine == "native" else None
    transport = native or HttpxTransport(tls=trusted(own.ca_file))
    gateway = app.build(own, journal=journal, chooser=routes, transport=transport, health=health)
    served = Served(
        gateway,
        drain_s=own.drain_s,
        max_message=own.max_message,
        protocol=apps.protocol(gateway, native) if native else None,
    )
    stdin.watch(served.stop)
    voice = Voice(folder.run, f"worker-{told.index}")
    tell = partial(figures, journal, gateway.accounts)
    beside = [asyncio.create_task(routes.run()), asyncio.create_task(_say(voice, routes, tell))]
    try:
        await served.run(ports.shared(settings.gateway.host, told.port))
    finally:
        for task in beside:
            task.cancel()
        await asyncio.gather(*beside, return_exceptions=True)
        journal.close()
        voice.say(tell(), stopped=routes.stopped, last=True)


class Health:
    """What /readyz tells: a worker without routes is ready, it serves the teacher."""

    def __init__(self, journal: LateJournal, routes: Routes) -> None:
        self._journal = journal
        self._routes = routes

    def readiness(self) -> Readiness:
        """Tell of journal and routes."""
        detail = {"journal": "ok" if self._journal.well else "full", "routes": self._routes.state}
        return Readiness(ready=True, detail=detail)


async def _say(voice: Voice, routes: Routes, tell: Callable[[], Figures]) -> None:
    """Keep the file beside the pid file true: `stop-students` waits for it, the ledger is held against it."""
    while True:
        voice.say(tell(), stopped=routes.stopped)
        await asyncio.sleep(SAY_S)


def _salt(folder: DataFolder) -> bytes:
    """Give the house's salt; one for this process where the disk takes none, since calls come first."""
    try:
        return folder.salt()
    except StoreError as error:
        logger.warning("%s Credentials are hashed with a salt of this process.", error)
        return secrets.token_bytes(SALT_BYTES)


def main() -> int:
    """Run the process; 2 tells the supervisor that the settings cannot work."""
    try:
        told = arguments.read("stillhouse.worker")
        logs.configure(f"worker-{told.index}", told=(AnswerCut,))
        with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
            runner.run(serve(told))
    except StillhouseError as error:
        sys.stderr.write(f"{error}\n")
        return error.exit_code
    return 0


if __name__ == "__main__":
    sys.exit(main())
