"""The worker's journal on a disk that may be full from the start. Knows no record.

`store.journal.writer` says what happens when the journal fills up; this opens it late when it could not be
opened at once, so that a worker still answers its calls (`on_full: serve`).
"""

from __future__ import annotations

import logging
import threading
import time
from pathlib import Path

from stillhouse.settings import Settings
from store.errors import JournalFull
from store.journal.writer import SegmentWriter
from store.vocabulary import Attempt, Call, Feedback

logger = logging.getLogger(__name__)
RETRY_S = 1.0


class LateJournal:
    """A journal that is opened when it can be. Thread-safe."""

    def __init__(self, folder: Path, name: str, settings: Settings) -> None:
        self._folder = folder
        self._name = name
        self._options = settings.journal.given()
        self._lock = threading.Lock()  # guards: one writer is opened, and each loss is counted
        self._writer: SegmentWriter | None = None
        self._next = 0.0
        self._kept = True
        self.lost = 0  # records that nobody kept and no app was told of
        self._open()

    @property
    def well(self) -> bool:
        """Whether records are being kept: it is open, and the last one was."""
        return self._writer is not None and self._kept

    def append(self, record: Call | Attempt | Feedback) -> bool:
        """Write a record before returning; False when it is lost. Raises JournalFull with `on_full: refuse`."""
        try:
            kept = self._append(record)
        except JournalFull:
            self._note(kept=False, lost=not isinstance(record, Call))
            raise
        self._note(kept=kept, lost=not kept)
        return kept

    def _note(self, *, kept: bool, lost: bool) -> None:
        with self._lock:
            self._kept = kept
            self.lost += lost

    def _append(self, record: Call | Attempt | Feedback) -> bool:
        writer = self._writer or self._open()
        if writer is not None:
            return writer.append(record)
        if self._options.get("on_full") == "refuse":
            raise JournalFull(f"The journal in {self._folder} cannot be opened.")
        return False

    def close(self) -> None:
        """Sync and seal."""
        if self._writer is not None:
            self._writer.close()

    def _open(self) -> SegmentWriter | None:
        with self._lock:
            if self._writer is None and time.monotonic() >= self._next:
                self._next = time.monotonic() + RETRY_S
                try:
                    self._writer = SegmentWriter(self._folder, self._name, **self._options)
                except (JournalFull, OSError) as error:
                    logger.error("calls are answered but not logged: %s", error)  # noqa: TRY400
            return self._writer
