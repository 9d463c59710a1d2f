"""The control process: the owner of the log, the only writer of the control state, the clock.

Knows the loops and their times; how the rooms are joined stands in `stillhouse.house`. A second control
process waits for the first one's lock.
"""

from __future__ import annotations

import asyncio
import logging
import os
import sys
import threading
import time
from collections.abc import Awaitable, Callable, Coroutine
from functools import partial
from typing import Any

import uvloop
from sqlalchemy.exc import SQLAlchemyError

from distiller.clock import Clock
from gateway import trace
from gateway.upstream.httpx_engine import HttpxTransport
from gateway.upstream.trusted import trusted
from stillhouse import house
from stillhouse.admin import app as admin
from stillhouse.auditor import Auditor
from stillhouse.desk import ControlDesk
from stillhouse.errors import ConfigError, StillhouseError
from stillhouse.grants import DAY_S, Grants
from stillhouse.house import House
from stillhouse.journal import LateJournal, figures
from stillhouse.loopback import Loopback
from stillhouse.loops import every, in_thread
from stillhouse.notices.channels import channels
from stillhouse.notices.post import Post
from stillhouse.passage import Passage
from stillhouse.prices import PriceBook
from stillhouse.processes import arguments, logs, offspring, ports, stdin
from stillhouse.processes.alive import Voice
from stillhouse.processes.arguments import Told
from stillhouse.processes.lock import FileLock
from stillhouse.processes.served import Served
from stillhouse.settings import Settings, convert
from stillhouse.settings.calls import LOOPBACK
from stillhouse.views import calls
from stillhouse.views.stores import Stores
from store.control import Control
from store.errors import LogLocked, SchemaTooNew, StoreError
from store.journal import rejected
from store.log import Log, Retention
from store.paths import DataFolder

logger = logging.getLogger(__name__)
ANYWHERE = frozenset({"0.0.0.0", "::"})  # noqa: S104 - names that a Host header has no business with
STANDS_BY = "another control process leads; this one stands by"
WAIT_S = 0.1
INGEST_S = 0.1
GROUP_S = 1.0
SCORE_S = 1.0
DECIDE_S = 0.5
WATCH_S = 5.0
PROBE_S = 60.0
ERASE_S = 0.5
PIDS_S = 0.25
LEDGER_S = 1.0
NOTIFY_S = 1.0
TRIM_S = 600.0
RETAIN_S = 6 * 3600.0
LAST_INGEST_S = 5.0
DRAIN_S = 2.0


class Stopped(Exception):  # noqa: N818 - an end, not a fault
    """Standard input closed before there was anything to stop."""


async def serve(told: Told) -> None:
    """Lead until standard input closes. Raises StaleEpoch when a later leader exists."""
    settings, closed = told.settings, threading.Event()
    stdin.watch(closed.set)
    folder = DataFolder(settings.data).create()
    voice = Voice(folder.run, "control")
    lock = FileLock(folder.run / "control.lock")
    waits = False
    while not lock.try_take():
        if not waits:
            logger.info(STANDS_BY)
        waits = True
        await _wait(closed)
    log, control = await _open_log(folder, settings, closed), Control.open(folder.control)
    epoch = control.take_epoch(f"pid {os.getpid()}")
    spent_usd = sum(log.internal_costs(time.time() // DAY_S * DAY_S).values())
    grants = Grants(time.time, usd_per_day=settings.distiller.usd_per_day, spent_usd=spent_usd)
    stores = Stores(log=log, control=control, folder=folder, settings=settings, live=True)
    prices = PriceBook.of(settings, folder.prices)
    inner_url = f"http://{LOOPBACK}:{told.port}/internal/v1"
    parts = house.build(stores, epoch=epoch, grants=grants, prices=prices, inner_url=inner_url)
    journal = LateJournal(folder.journal, "control", settings)
    own = convert.gateway(settings, folder.salt(), told.door)
    post = Post(
        control,
        channels(settings.notices),
        epoch,
        kinds=settings.notices.kinds,
        clock=time.time,
        watch=time.monotonic,
    )
    transport = HttpxTransport(tls=trusted(own.ca_file))
    loopback = Loopback(
        upstreams=own.upstreams, grants=grants, journal=journal, transport=transport, price=prices.price
    )
    passage = Passage(
        service=convert.distiller(settings).service,
        upstreams=own.upstreams,
        grants=grants,
        transport=transport,
    )
    own_name = () if settings.control.host in ANYWHERE else (settings.control.host,)
    hosts = (*own_name, *settings.control.allowed_hosts)
    desk = ControlDesk(stores, epoch, parts.executor, parts.erasing)
    app = admin.build(stores, desk, (loopback, passage), token=folder.admin_token(), hosts=hosts)
    served = Served(app, drain_s=DRAIN_S)

    async def tell() -> None:
        voice.say(figures(journal, loopback.accounts))

    logger.info("leading with epoch %d", epoch)
    try:
        await _lead(
            served,
            ports.shared(settings.control.host, told.port),
            [*_loops(parts, stores, tell, parts.auditor), *_notices(post)],
            parts.clock,
            closed,
        )
    finally:
        journal.close()
        voice.say(figures(journal, loopback.accounts), last=True)
        await asyncio.to_thread(_ingest_rest, parts)
        await parts.scorer.close()
        await post.aclose()
        offspring.name(folder.run)
        await transport.aclose()
        log.close()
        control.close()


def _loops(
    parts: House, stores: Stores, tell: Callable[[], Awaitable[None]], auditor: Auditor
) -> list[Coroutine[Any, Any, None]]:
    """Everything that is done again and again, and how often."""

    def retain() -> None:
        if auditor.held_back():
            logger.warning("the clock jumped within the last day: retention waits")
            return
        days = stores.settings.retention.days
        if days is not None:
            rejected.forget(stores.folder.journal, time.time() - days * DAY_S)
        wanted = Retention(days=days, by_fingerprint=calls.days_kept(stores), now=time.time())
        removed = stores.log.apply_retention(wanted)
        if removed.calls:
            logger.info("retention removed %d calls", removed.calls)
        for part in stores.log.seal(time.time()):
            logger.info("the log's month %s is sealed", part)

    def group() -> None:
        parts.lineage.step()
        parts.grouper.step()

    return [
        every("ingest", INGEST_S, in_thread(parts.ingester.catch_up)),
        every("grouping", GROUP_S, in_thread(group)),
        every("scoring", SCORE_S, parts.quiet.score),
        every("cutover", DECIDE_S, in_thread(parts.controller.tick)),
        every("watching", WATCH_S, in_thread(parts.watching.step)),
        every("probes", PROBE_S, parts.quiet.probe),
        every("jobs", DECIDE_S, parts.executor.run),
        every("erasure", ERASE_S, parts.erasing.step),
        every("retention", RETAIN_S, in_thread(retain)),
        every("pid files", PIDS_S, in_thread(lambda: offspring.name(stores.folder.run))),
        every("figures", PIDS_S, tell),
        every("ledger", LEDGER_S, in_thread(auditor.look)),
    ]


def _notices(post: Post) -> list[Coroutine[Any, Any, None]]:
    """Give a loop for each channel: one that hangs keeps no other waiting."""
    return [
        *(every(f"notices by {one.name}", NOTIFY_S, partial(post.deliver, one)) for one in post.channels),
        every("outbox", TRIM_S, post.trim),
    ]


async def _lead(
    served: Served, sock: Any, loops: list[Coroutine[Any, Any, None]], clock: Clock, closed: threading.Event
) -> None:
    """Run all until standard input closes or one loop says that this leader was replaced."""
    clock.start()
    tasks = [asyncio.create_task(loop) for loop in loops]
    server = asyncio.create_task(served.run(sock))
    end = asyncio.create_task(asyncio.to_thread(closed.wait))
    done, _ = await asyncio.wait([*tasks, server, end], return_when=asyncio.FIRST_COMPLETED)
    clock.stop()
    served.stop()
    closed.set()
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, server, end, return_exceptions=True)
    for ended in done:
        if not ended.cancelled() and (error := ended.exception()) is not None:
            raise error


async def _open_log(folder: DataFolder, settings: Settings, closed: threading.Event) -> Log:
    """Open the log, waiting while somebody reads it from outside."""
    complained, own = False, settings.log
    while True:
        try:
            return await asyncio.to_thread(
                Log.open, folder.log, memory_limit=own.memory, checkpoint=own.checkpoint, trace=trace
            )
        except LogLocked as error:
            if not complained:
                logger.warning("waiting for the log: %s", error)
            complained = True
        await _wait(closed)


async def _wait(closed: threading.Event) -> None:
    if closed.is_set():
        raise Stopped
    await asyncio.sleep(WAIT_S)


def _ingest_rest(parts: House) -> None:
    """Load what the workers left, bounded; the next start loads the rest."""
    deadline = time.monotonic() + LAST_INGEST_S
    try:
        while parts.ingester.step() and time.monotonic() < deadline:
            pass
    except StoreError:
        logger.exception("the last records stay in the journal until the next start")
    parts.ingester.close()


def main() -> int:
    """Run the process; 2 tells the supervisor that the settings or files cannot work."""
    logs.configure("control")
    try:
        told = arguments.read("stillhouse.control")
        _forget_keys(told)
        with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
            runner.run(serve(told))
    except Stopped:
        return 0
    except (SchemaTooNew, ConfigError) as error:
        sys.stderr.write(f"{error}\n")
        return ConfigError.exit_code
    except (StillhouseError, StoreError) as error:
        sys.stderr.write(f"{error}\n")
        return 1
    except OSError as error:
        sys.stderr.write(f"Control cannot run: {error}.\n")
        return 1
    except SQLAlchemyError as error:
        sys.stderr.write(f"The control state cannot be used: {str(error).splitlines()[0]}.\n")
        return 1
    return 0


def _forget_keys(told: Told) -> None:
    """Take the upstreams' keys and the translator's token out of the environment: scorer and jobs inherit it."""
    for upstream in told.settings.upstreams:
        if upstream.api_key_env:
            os.environ.pop(upstream.api_key_env, None)
    for name in told.door.told():
        os.environ.pop(name, None)


if __name__ == "__main__":
    sys.exit(main())
