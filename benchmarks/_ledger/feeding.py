"""A process of its own that makes traffic and journals it, so that making it costs the loading nothing. Knows no log."""

from __future__ import annotations

import multiprocessing
from dataclasses import dataclass
from multiprocessing.connection import Connection
from pathlib import Path

from benchmarks._ledger.traffic import Asked, Traffic
from store.journal.writer import SegmentWriter
from store.vocabulary import Score

_EVERY = 250  # calls of which one comes back as a sample


@dataclass(frozen=True, kw_only=True, slots=True)
class Fed:
    """What was journalled."""

    now: float  # of the traffic, after it
    scores: list[Score]
    sample: list[Asked]


class Feeder:
    """Journals as many calls as it is asked for, in the order of asking."""

    def __init__(self, journal: Path, per_day: int) -> None:
        spawn = multiprocessing.get_context("spawn")
        self._told, there = spawn.Pipe()
        self._process = spawn.Process(target=_feed, args=(there, journal, per_day), daemon=True)
        self._process.start()
        there.close()

    def ask(self, calls: int) -> None:
        """Ask for more calls; does not wait for them."""
        self._told.send(calls)

    def take(self) -> Fed:
        """Wait for the calls asked for longest. Raises EOFError where the process has ended."""
        fed: Fed = self._told.recv()
        return fed

    def close(self) -> None:
        """Seal the journal and end."""
        self._told.close()
        self._process.join()


def _feed(told: Connection, journal: Path, per_day: int) -> None:
    traffic, writer = Traffic(per_day=per_day), SegmentWriter(journal, "w0")
    try:
        while True:
            fed = Fed(now=0.0, scores=[], sample=[])
            for i, item in enumerate(traffic.take(told.recv())):
                write(writer, item)
                fed.scores.extend(item.scores)
                if i % _EVERY == 0:
                    fed.sample.append(item)
            told.send(Fed(now=traffic.now, scores=fed.scores, sample=fed.sample))
    except EOFError:
        writer.close()


def write(writer: SegmentWriter, item: Asked) -> int:
    """Journal a call as a gateway worker does: intent, attempts, feedback; return how many records."""
    records = (item.call, *item.attempts, *([item.feedback] if item.feedback else []))
    return sum(writer.append(record) for record in records)
