"""How long a call waits for the journal. Measures one writer by itself; knows no log."""

from __future__ import annotations

import asyncio
import time
from pathlib import Path
from typing import Any

from benchmarks._ledger.feeding import write
from benchmarks._ledger.figures import spread
from benchmarks._ledger.traffic import Asked, Traffic
from store.journal.writer import SegmentWriter


def measure(folder: Path, traffic: Traffic, *, rate: int, seconds: float) -> dict[str, Any]:
    """Measure paced calls, then as many as one process can append."""
    asked = list(traffic.take(int(rate * seconds)))
    writer = SegmentWriter(folder, "paced")
    try:
        waits = asyncio.run(_paced(writer, asked, rate))
    finally:
        writer.close()
    return {"rate": rate, "seconds": seconds, "synced": spread(waits), **_flat_out(folder, asked)}


async def _paced(writer: SegmentWriter, asked: list[Asked], rate: int) -> list[float]:
    """Return, for each call, the seconds from when it was due until all its records were on the disk."""
    start = time.perf_counter()

    async def one(due: float, item: Asked) -> float:
        await asyncio.sleep(due - time.perf_counter())
        write(writer, item)
        await writer.synced()
        return time.perf_counter() - due

    return await asyncio.gather(*(one(start + 0.2 + i / rate, item) for i, item in enumerate(asked)))


def _flat_out(folder: Path, asked: list[Asked]) -> dict[str, Any]:
    writer = SegmentWriter(folder, "flat-out")
    started, busy = time.perf_counter(), time.thread_time()
    records = sum(write(writer, item) for item in asked)
    busy, took = time.thread_time() - busy, time.perf_counter() - started
    writer.close()
    return {
        "appends_s": round(records / took),
        "calls_s": round(len(asked) / took),
        "cpu_us_a_call": round(busy / len(asked) * 1e6, 1),
    }
