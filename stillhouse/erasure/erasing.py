"""Takes erasures, one at a time, through their phases beside a running house. Knows no phase's inside."""

from __future__ import annotations

import asyncio
import logging
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass

from stillhouse.erasure import drain, phases
from stillhouse.erasure import ticket as tickets
from stillhouse.erasure.phases import DRAIN, LOG
from stillhouse.erasure.quiet import Quiet
from stillhouse.erasure.scene import FAILED, Scene
from stillhouse.erasure.ticket import Ticket
from stillhouse.errors import Refused
from stillhouse.sweep.forms import SHORTEST
from store.control import Erasure
from store.control.erasures import INCOMPLETE, Kind
from store.errors import StaleEpoch
from store.ids import new_id

logger = logging.getLogger(__name__)
_ID = re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}")


@dataclass(frozen=True, kw_only=True, slots=True)
class Wish:
    """Who is to be forgotten: exactly one of the three."""

    user: str | None = None
    conversation: str | None = None
    call: str | None = None
    tenant: str | None = None
    also: tuple[str, ...] = ()

    def named(self) -> tuple[Kind, str]:
        """Return kind and value. Raises Refused where it is not one, or too little to search for besides."""
        given: dict[Kind, str | None] = {
            "user": self.user,
            "conversation": self.conversation,
            "call": self.call,
        }
        named = [(kind, value) for kind, value in given.items() if value is not None]
        if len(named) != 1 or not named[0][1]:
            raise Refused("Name one user, one conversation or one call.")
        if self.call is not None and not _ID.fullmatch(
            self.call
        ):  # a part of an id finds nothing, and proves it
            raise Refused(
                f"{self.call!r} is not the whole id of a call: `stillhouse calls` shows it for a beginning "
                "of it or a completion's id."
            )
        if any(len(text.encode("utf-8", "surrogatepass")) < SHORTEST for text in self.also):
            raise Refused(f"A text to be searched for besides needs {SHORTEST} bytes at least.")
        return named[0]


class Erasing:
    """The erasures of a house. Its methods run on one event loop."""

    def __init__(self, scene: Scene, quiet: Quiet) -> None:
        self._scene = scene
        self._quiet = quiet
        self._turn = asyncio.Lock()  # guards: nothing is taken out while a backup is made
        tickets.sweep(scene.folder, frozenset(e.erasure_id for e in scene.control.erasures(pending=True)))

    def ask(self, wish: Wish) -> Erasure:
        """Write an erasure down; the loop carries it out. Raises Refused for a wish that is none."""
        kind, value = wish.named()
        scene = self._scene
        ticket = Ticket(
            erasure_id=new_id(),
            kind=kind,
            value=value,
            tenant=wish.tenant,
            also=wish.also,
            segments=drain.segments(scene),
        )
        erasure = Erasure(
            erasure_id=ticket.erasure_id,
            asked=scene.now(),
            kind=kind,
            subject=tickets.hashed(scene.folder, kind, value),
            tenant=wish.tenant,
            phase=DRAIN,
        )
        tickets.save(scene.folder, ticket)
        scene.control.add_erasure(erasure, scene.epoch)
        return erasure

    @asynccontextmanager
    async def none(self) -> AsyncIterator[None]:
        """Let no erasure begin. Raises Refused while one is under way."""
        if self._scene.control.erasures(pending=True):
            raise Refused(
                "An erasure is under way, and a backup would keep what it takes away: wait for its end."
            )
        async with self._turn:
            yield

    async def step(self) -> None:
        """Take the oldest erasure as far as it goes now. Raises what failed, after writing it down."""
        for erasure in await asyncio.to_thread(self._scene.control.erasures, pending=True):
            async with self._turn:
                await self._advance(erasure)
            return

    async def _advance(self, erasure: Erasure) -> None:
        scene = self._scene
        ticket = await asyncio.to_thread(tickets.load, scene.folder, erasure.erasure_id)
        if ticket is None:
            await asyncio.to_thread(phases.end, scene, erasure, INCOMPLETE, phases.LOST)
            return
        if erasure.phase == DRAIN:
            if await asyncio.to_thread(drain.waits, scene, erasure, ticket):
                return
            erasure = scene.enter(erasure, LOG)
        try:
            async with self._quiet.kept():
                await self._quiet.forget()
                ended = await asyncio.to_thread(phases.carry_out, scene, erasure, ticket)
        except StaleEpoch:
            raise
        except Exception as error:
            known = scene.control.erasure(erasure.erasure_id) or erasure
            scene.report(known, FAILED, {"phase": known.phase, "error": type(error).__name__})
            raise
        logger.info("erasure %s ended as %s", ended.erasure_id, ended.phase)
