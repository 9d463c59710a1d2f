"""The worker's journal on a disk that may be full from the start. Knows no record.

`store.journal.writer` says what happens when the journal fills up; this opens it late when it could not be
opened at once, so that a worker still answers its calls (`on_full: serve`). It counts what it was asked to
keep beside the writer, which counts what became of it.
"""

from __future__ import annotations

import logging
import threading
import time
from pathlib import Path

from gateway.accounts import Accounts
from stillhouse.processes.alive import Figures
from stillhouse.settings import Settings
from store.errors import JournalFull, StoreError
from store.journal.counts import Counts
from store.journal.frame import Record
from store.journal.writer import SegmentWriter
from store.vocabulary import Call

logger = logging.getLogger(__name__)
RETRY_S = 1.0


class LateJournal:
    """A journal that is opened when it can be. Thread-safe."""

    def __init__(self, folder: Path, name: str, settings: Settings) -> None:
        self._folder = folder
        self._name = name
        self._options = settings.journal.given()
        self._after_sync = self._options.pop("durability", None) == "reply-after-sync"
        self._refuses = self._options.get("on_full") == "refuse"
        self._lock = threading.Lock()  # guards: one writer is opened, and each record is counted
        self._writer: SegmentWriter | None = None
        self._next = 0.0
        self._kept = True
        self._lost = Counts()  # before there was a writer
        self.asked = Counts()  # but for calls that were refused: nothing came of them
        self._open()

    @property
    def well(self) -> bool:
        """Whether records are being kept: it is open, and the last one was."""
        return self._writer is not None and self._kept

    @property
    def writer(self) -> str:
        """The writer instance, "" while there is none."""
        return self._writer.instance if self._writer is not None else ""

    @property
    def kept(self) -> Counts:
        """What is in the journal."""
        return self._writer.stats.kept.copy() if self._writer is not None else Counts()

    @property
    def lost(self) -> Counts:
        """What nobody kept and no app was told of."""
        return (self._writer.stats.lost if self._writer is not None else self._lost).copy()

    @property
    def unsynced(self) -> int:
        """Bytes that wait for the disk."""
        return self._writer.unsynced if self._writer is not None else 0

    def append(self, record: Record) -> bool:
        """Write a record before returning; False when it is lost. Raises JournalFull with `on_full: refuse`."""
        writer = self._writer or self._open()
        try:
            kept = writer.append(record) if writer is not None else self._unwritten(record)
        except StoreError:
            self._note(record, kept=False, asked=not isinstance(record, Call))
            raise
        self._note(record, kept=kept, asked=True)
        return kept

    @property
    def waits(self) -> bool:
        """Whether the owner wants an answer to wait for the disk."""
        return bool(self._after_sync)

    async def synced(self) -> bool:
        """Wait until every record is as safe as `durability` promises, before an answer ends.

        False: the disk could not take them, and the app is served all the same. Raises JournalFull then
        with `on_full: refuse`.
        """
        if not self._after_sync or self._writer is None:
            return True
        try:
            await self._writer.synced()
        except StoreError as error:
            if self._refuses:
                raise JournalFull(str(error)) from error
            return False
        return True

    def close(self) -> None:
        """Sync and seal."""
        if self._writer is not None:
            self._writer.close()

    def _note(self, record: Record, *, kept: bool, asked: bool) -> None:
        with self._lock:
            self._kept = kept
            if asked:
                self.asked.add(record)

    def _unwritten(self, record: Record) -> bool:
        if not (self._refuses and isinstance(record, Call)):
            with self._lock:
                self._lost.add(record)
        if self._refuses:
            raise JournalFull(f"The journal in {self._folder} cannot be opened.")
        return False

    def _open(self) -> SegmentWriter | None:
        with self._lock:
            if self._writer is None and time.monotonic() >= self._next:
                self._next = time.monotonic() + RETRY_S
                try:
                    self._writer = SegmentWriter(
                        self._folder, self._name, lost=self._lost.copy(), **self._options
                    )
                except (JournalFull, OSError) as error:
                    logger.error("calls are answered but not logged: %s", error)  # noqa: TRY400
            return self._writer


def figures(journal: LateJournal, accounts: Accounts) -> Figures:
    """Say how a process stands; to be asked in its event loop, where nothing moves meanwhile."""
    return Figures(
        writer=journal.writer,
        sent=accounts.sent,
        unsent=accounts.unsent,
        in_flight=accounts.in_flight,
        asked=journal.asked.copy(),
        kept=journal.kept,
        lost=journal.lost,
        unsynced=journal.unsynced,
    )
