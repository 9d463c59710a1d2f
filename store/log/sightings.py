"""Remembers which fingerprints the log has, so that asking again reads only what came since. Decides nothing."""

from __future__ import annotations

import threading
from dataclasses import replace
from typing import Any

import msgspec

from store.log.database import Database
from store.log.views import FingerprintSeen


class Sightings:
    """The fingerprints of one open log. Thread-safe."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._turn = threading.Lock()  # guards: each call is counted once
        self._seen: dict[str, FingerprintSeen] = {}
        self._until = 0  # sequence up to which calls are counted

    def forget(self) -> None:
        """Count anew: calls were taken away."""
        with self._turn:
            self._seen.clear()
            self._until = 0

    def after(self, seq: int) -> list[FingerprintSeen]:
        """Return the fingerprints with a call after `seq`, with totals over the whole log, in log order."""
        with self._turn:
            rows = self._database.read("learning.seen_fingerprints", after_seq=self._until)
            for row in rows:
                self._note(row)
            found = [seen for seen in self._seen.values() if seen.last_seq > seq]
        return sorted(found, key=lambda seen: seen.last_seq)

    def _note(self, row: dict[str, Any]) -> None:
        new = msgspec.convert(row, FingerprintSeen)
        old = self._seen.get(new.fingerprint)
        if old is not None:
            new = replace(
                new,
                task_name=new.task_name or old.task_name,
                head_hash=new.head_hash or old.head_hash,
                head=new.head or old.head,
                calls=old.calls + new.calls,
                first_ts=min(old.first_ts, new.first_ts),
                last_ts=max(old.last_ts, new.last_ts),
            )
        self._seen[new.fingerprint] = new
        self._until = max(self._until, new.last_seq)
