"""How soon a call is in the log: at a steady pace, and after a burst. Knows no question but the newest page.

The ingester is turned as control turns it: again 100 ms after its last step.
"""

from __future__ import annotations

import multiprocessing
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from multiprocessing.sharedctypes import Synchronized
from multiprocessing.synchronize import Event
from pathlib import Path
from typing import Any

from benchmarks._ledger.feeding import write
from benchmarks._ledger.figures import spread
from benchmarks._ledger.ground import Ground
from benchmarks._ledger.traffic import DAY_S, Traffic
from store.journal.writer import SegmentWriter
from store.log import CallFilter

STEP_S = 0.1
LOOK_S = 1.0
PAGE = 500
_LONGEST_S = 600.0


def visibility(ground: Ground, *, rate: int, seconds: float) -> dict[str, Any]:
    """Measure from a call's append until a page of the log shows it."""
    asked = list(ground.traffic.take(int(rate * seconds)))
    appended: dict[str, float] = {}
    waits: list[float] = []

    def feed() -> None:
        start = time.perf_counter()
        for i, item in enumerate(asked):
            time.sleep(max(0.0, start + i / rate - time.perf_counter()))
            appended[item.call.call_id] = time.perf_counter()
            write(ground.writer, item)

    feeder = threading.Thread(target=feed)
    feeder.start()
    deadline = time.monotonic() + seconds + _LONGEST_S
    seen: set[str] = set()
    while len(seen) < len(asked) and time.monotonic() < deadline:
        ground.ingester.catch_up()
        page = ground.log.calls(CallFilter(limit=PAGE)).rows
        now = time.perf_counter()
        fresh = [row.call_id for row in page if row.call_id in appended and row.call_id not in seen]
        waits += [now - appended[call_id] for call_id in fresh]
        seen.update(fresh)
        time.sleep(STEP_S)
    feeder.join()
    return {"rate": rate, "seconds": seconds, "not_seen": len(asked) - len(seen), **spread(waits)}


def burst(ground: Ground, *, rate: int, seconds: float) -> dict[str, Any]:
    """Measure what a writer process at this rate leaves behind, and when it is loaded."""
    spawn = multiprocessing.get_context("spawn")
    ready, go = spawn.Event(), spawn.Event()
    written, took = spawn.Value("q", 0), spawn.Value("d", 0.0)
    told = _Told(journal=ground.journal, rate=rate, calls=int(rate * seconds), since=ground.traffic.now)
    feeder = spawn.Process(target=_feed, args=(told, ready, go, written, took), daemon=True)
    feeder.start()
    if not ready.wait(_LONGEST_S):
        raise TimeoutError("The feeding process did not get ready.")
    before = ground.records()
    start, busy = time.perf_counter(), time.process_time()
    go.set()
    with _watched(ground) as waiting:
        while time.perf_counter() - start < seconds + _LONGEST_S:
            over = took.value > 0
            if not ground.ingester.catch_up() and over:
                break
            time.sleep(STEP_S)
        caught_up, busy = time.perf_counter() - start, time.process_time() - busy
    feeder.join()
    return {
        "rate": rate,
        "seconds": seconds,
        "calls": int(rate * seconds),
        "records": written.value,
        "records_loaded": ground.records() - before,
        "backlog_most_records": max(waiting),
        "fed_after_s": round(took.value, 1),
        "caught_up_after_s": round(caught_up, 1),
        "cpu_us_a_call": round(busy / (rate * seconds) * 1e6, 1),
    }


@contextmanager
def _watched(ground: Ground) -> Iterator[list[int]]:
    """Look at the backlog once a second, as control does; gives what was seen."""
    seen, over = [0], threading.Event()

    def look() -> None:
        while not over.wait(LOOK_S):
            seen.append(ground.ingester.backlog().records)

    watcher = threading.Thread(target=look)
    watcher.start()
    try:
        yield seen
    finally:
        over.set()
        watcher.join()


@dataclass(frozen=True, kw_only=True, slots=True)
class _Told:
    """What the feeding process is to do."""

    journal: Path
    rate: int
    calls: int
    since: float


def _feed(
    told: _Told, ready: Event, go: Event, written: Synchronized[int], took: Synchronized[float]
) -> None:
    """Write at a rate from a process of its own; the calls are made beforehand."""
    asked = list(Traffic(per_day=int(told.rate * DAY_S), seed=2, since=told.since).take(told.calls))
    writer = SegmentWriter(told.journal, "burst")
    ready.set()
    go.wait()
    start = time.perf_counter()
    for i, item in enumerate(asked):
        if i % 50 == 0:
            time.sleep(max(0.0, start + i / told.rate - time.perf_counter()))
        written.value += write(writer, item)
    writer.close()
    took.value = time.perf_counter() - start
