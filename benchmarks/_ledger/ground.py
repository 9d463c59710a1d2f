"""A data folder with a journal, a log and the ingester between them, all real, and traffic poured into it.

Knows no question and no target.
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from pathlib import Path
from typing import Self

from benchmarks._ledger.traffic import Asked, Traffic
from distiller import cost
from gateway.capture import read_answer
from store.ingester import Ingester
from store.journal.writer import SegmentWriter
from store.log import Log
from store.paths import DataFolder

MEMORY = "2GB"
BATCH = 5_000  # calls that are written before they are loaded
KEPT = 200  # sampled calls, about


@dataclass(frozen=True, kw_only=True, slots=True)
class Poured:
    """What one batch took."""

    calls: int  # in the log, after it
    ingest_s: float  # calls a second through the ingester
    scores_s: float  # scores a second


class Ground:
    """The data folder of one measurement. Not thread-safe."""

    def __init__(self, root: Path, traffic: Traffic) -> None:
        self.traffic = traffic
        self.calls = 0
        self.sample: list[Asked] = []  # of all calls, evenly
        self._every = 1
        self._folder = DataFolder(root).create()
        self.journal = self._folder.journal
        self.writer = SegmentWriter(self.journal, "w0")
        self._open()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.writer.close()
        self._close()

    def pour(self, calls: int) -> list[Poured]:
        """Bring more calls in, batch by batch: written first, then loaded, which alone is timed."""
        found = []
        for size in (*[BATCH] * (calls // BATCH), *[calls % BATCH] * bool(calls % BATCH)):
            asked = list(self.traffic.take(size))
            for item in asked:
                write(self.writer, item)
                self._keep(item)
            started = time.perf_counter()
            while self.ingester.step():
                pass
            loaded = time.perf_counter()
            scores = [score for item in asked for score in item.scores]
            self.log.add_scores(scores)
            scored = time.perf_counter()
            found.append(
                Poured(
                    calls=self.calls,
                    ingest_s=round(size / (loaded - started)),
                    scores_s=round(len(scores) / (scored - loaded)),
                )
            )
        return found

    def records(self) -> int:
        """Return how many calls, attempts and feedbacks are in the log."""
        totals = self.log.totals()
        return totals.calls + totals.attempts + totals.feedback

    def settle(self) -> None:
        """Close the log and open it again: everything is in its files, and nothing is warm."""
        self._close()
        self._open()

    def _open(self) -> None:
        self.log = Log.open(self._folder.log, memory_limit=MEMORY)
        self.ingester = Ingester(self.log, self.journal, read_answer, cost.price)

    def _close(self) -> None:
        self.ingester.close()
        self.log.close()

    def _keep(self, item: Asked) -> None:
        self.calls += 1
        if self.calls % self._every == 0:
            self.sample.append(item)
        if len(self.sample) > 2 * KEPT:
            self.sample = self.sample[1::2]
            self._every *= 2


def write(writer: SegmentWriter, item: Asked) -> int:
    """Journal a call as a gateway worker does: intent, attempts, feedback; return how many records."""
    records = (item.call, *item.attempts, *([item.feedback] if item.feedback else []))
    return sum(writer.append(record) for record in records)
