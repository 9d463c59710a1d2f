"""Keeps the house's ledger: looks, checks, says it in `run/ledger.json`. Knows no equation and no terminal.

The file stays when control stops, so that what was wrong can still be read.
"""

from __future__ import annotations

import logging
import threading
import time
from pathlib import Path
from typing import TypeVar

import msgspec

from router.streams.stored import Books
from stillhouse.ledger import Ledger, Written, draw_up, losses
from stillhouse.processes import alive
from stillhouse.processes.child import write_atomic
from store.clock import Jumps, Reading
from store.ingester import Ingester
from store.journal.counts import Counts
from store.log import Account, Log

logger = logging.getLogger(__name__)
LEDGER = "ledger.json"
CLOCK = "clock.json"
KEEP_S = 60.0  # how old the reading of the clocks may be that the next process finds
REST = 20.0  # between two questions to the log, as a multiple of what the last one took
T = TypeVar("T")
_BOOT = Path("/proc/sys/kernel/random/boot_id")


class Auditor:
    """Draws up the ledger again and again."""

    def __init__(self, run: Path, log: Log, ingester: Ingester) -> None:
        self._run = run
        self._log = log
        self._ingester = ingester
        self._told: set[str] = set()
        self._kept_at = -KEEP_S
        self._known: list[Written] = []
        self._ask_from = 0.0
        self._books: Books | None = None
        self.jumps = Jumps(_boot(), _read(run / CLOCK, Reading))
        self._turn = threading.Lock()  # guards: a jump between two looks is seen by one of them

    def look(self) -> None:
        """Check once, and write down what was found."""
        living, written = list(alive.living(self._run)), self._written()
        ledger = draw_up(time.time(), living, written, self._ingester.backlog())
        for found in ledger.unaccounted:
            if found.text not in self._told:
                logger.error("the ledger does not add up: %s", found.text)
        self._told = {found.text for found in ledger.unaccounted}
        self._books = Books(lag_s=ledger.backlog.lag_s, lost=losses(living, written))
        _write(self._run / LEDGER, ledger)
        self._compare_clocks()

    def books(self) -> Books | None:
        """Give how the store kept up by the last look, for those whose comparisons depend on it."""
        return self._books

    def held_back(self) -> bool:
        """Whether work by age must wait, by what the clocks say now: they may have jumped since the last look."""
        self._compare_clocks()
        return self.jumps.held

    def _compare_clocks(self) -> None:
        with self._turn:
            if self.jumps.look():
                jumped = self.jumps.reading.jumped_s
                logger.warning("the clock jumped by %.0f s; retention and sealing wait for a day", jumped)
                self._kept_at = -KEEP_S
            if time.monotonic() - self._kept_at >= KEEP_S:
                self._kept_at = time.monotonic()
                _write(self._run / CLOCK, self.jumps.reading)

    def _written(self) -> list[Written]:
        """Ask the log, for a twentieth of the time at most."""
        began = time.monotonic()
        if began >= self._ask_from:
            self._known = [_written(account) for account in self._log.accounts()]
            now = time.monotonic()
            self._ask_from = now + REST * (now - began)
        return self._known


def _written(account: Account) -> Written:
    said = account.tally
    return Written(
        writer=account.writer,
        kept=Counts(said.calls_kept, said.attempts_kept, said.feedback_kept) if said else Counts(),
        lost=Counts(said.calls_lost, said.attempts_lost, said.feedback_lost) if said else Counts(),
        loaded=Counts(account.calls_loaded, account.attempts_loaded, account.feedback_loaded),
        aside=account.corrupt,
    )


def ledger(run: Path) -> Ledger | None:
    """Give what was written down last."""
    return _read(run / LEDGER, Ledger)


def held_back(run: Path) -> float | None:
    """Give by how many seconds the clock jumped, where that holds work by age back now."""
    reading = _read(run / CLOCK, Reading)
    return reading.jumped_s if reading is not None and Jumps(_boot(), reading).held else None


def _boot() -> str:
    try:
        return _BOOT.read_text("ascii").strip()
    except OSError:
        return ""


def _read(file: Path, kind: type[T]) -> T | None:
    try:
        return msgspec.json.decode(file.read_bytes(), type=kind)
    except (OSError, msgspec.MsgspecError):
        return None  # not there, or of another version


def _write(file: Path, value: object) -> None:
    try:
        write_atomic(file, msgspec.json.encode(value).decode())
    except OSError as error:
        logger.debug("%s cannot be written: %s", file, error)  # the disk is full: the doctor says so
