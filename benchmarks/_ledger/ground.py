"""A data folder with a journal, a log and the ingester between them, all real, and traffic poured into it.

Knows no question and no target.
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from pathlib import Path
from typing import Self

from benchmarks._ledger.feeding import Feeder
from benchmarks._ledger.traffic import Asked, Traffic
from gateway.capture import read_answer
from stillhouse.prices import PriceBook
from store.ingester import Ingester
from store.journal.writer import SegmentWriter
from store.log import Log
from store.paths import DataFolder

MEMORY = "2GB"
BATCH = 5_000  # calls that are written before they are loaded


@dataclass(frozen=True, kw_only=True, slots=True)
class Poured:
    """What one batch took."""

    calls: int  # in the log, after it
    ingest_s: float  # calls a second through the ingester
    scores_s: float  # scores a second


class Ground:
    """The data folder of one measurement. Not thread-safe."""

    def __init__(self, root: Path, per_day: int) -> None:
        self.traffic = Traffic(
            per_day=per_day, seed=4
        )  # for what is measured; the log is filled by the feeder
        self.calls = 0
        self.sample: list[Asked] = []  # of all calls, evenly
        self._folder = DataFolder(root).create()
        self.journal = self._folder.journal
        self.writer = SegmentWriter(self.journal, "w1")
        self._feeder = Feeder(self.journal, per_day)
        self._open()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._feeder.close()
        self.writer.close()
        self._close()

    def pour(self, calls: int, *, ahead: bool = False) -> list[Poured]:
        """Bring more calls in, batch by batch: written first, then loaded, which alone is timed.

        `ahead`: the next batch is made and written meanwhile, which is quicker and takes the other core.
        """
        sizes = [*[BATCH] * (calls // BATCH), *[calls % BATCH] * bool(calls % BATCH)]
        if ahead and sizes:
            self._feeder.ask(sizes[0])
        return [
            self._load(size, following if ahead else 0, asked=ahead)
            for size, following in zip(sizes, [*sizes[1:], 0], strict=True)
        ]

    def _load(self, size: int, following: int, *, asked: bool) -> Poured:
        if not asked:
            self._feeder.ask(size)
        fed = self._feeder.take()
        if following:
            self._feeder.ask(following)
        started = time.perf_counter()
        while self.ingester.step():
            pass
        loaded = time.perf_counter()
        self.log.add_scores(fed.scores)
        scored = time.perf_counter()
        self.calls += size
        self.traffic.now = fed.now
        self.sample += fed.sample
        return Poured(
            calls=self.calls,
            ingest_s=round(size / (loaded - started)),
            scores_s=round(len(fed.scores) / (scored - loaded)),
        )

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
        self.ingester = Ingester(self.log, self.journal, read_answer, PriceBook(self._folder.prices).price)

    def _close(self) -> None:
        self.ingester.close()
        self.log.close()
