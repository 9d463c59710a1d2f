"""Remembers which fingerprints the log has, so that asking again reads only what came since. Decides nothing.

Heads are read again for those that are asked for: of fifty thousand prompts they would take 200 MB.
"""

from __future__ import annotations

import threading
from dataclasses import dataclass, replace
from typing import Any

import msgspec

from store.log.database import Database
from store.log.views import FingerprintSeen


@dataclass(frozen=True, kw_only=True, slots=True)
class _Known:
    """A fingerprint, and by which hash its head is found; None for none."""

    seen: FingerprintSeen  # without its head
    prompt_hash: str | None


class Sightings:
    """The fingerprints of one open log. Thread-safe."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._turn = threading.Lock()  # guards: each call is counted once
        self._known: dict[str, _Known] = {}
        self._until = 0  # sequence up to which calls are counted

    def forget(self) -> None:
        """Count anew: calls were taken away."""
        with self._turn:
            self._known.clear()
            self._until = 0

    def after(self, seq: int, limit: int | None) -> list[FingerprintSeen]:
        """Return the first fingerprints with a call after `seq`, with totals over the whole log, in log order."""
        with self._turn:
            for row in self._database.read("learning.seen_fingerprints", after_seq=self._until):
                self._note(row)
            found = [known for known in self._known.values() if known.seen.last_seq > seq]
        return self._with_heads(sorted(found, key=lambda known: known.seen.last_seq)[:limit])

    def _note(self, row: dict[str, Any]) -> None:
        prompt_hash = row.pop("prompt_hash")
        new = msgspec.convert({**row, "head": ()}, FingerprintSeen)
        old = self._known.get(new.fingerprint)
        if old is not None:
            new = replace(
                new,
                task_name=new.task_name or old.seen.task_name,
                head_hash=new.head_hash or old.seen.head_hash,
                calls=old.seen.calls + new.calls,
                first_ts=min(old.seen.first_ts, new.first_ts),
                last_ts=max(old.seen.last_ts, new.last_ts),
            )
            prompt_hash = prompt_hash or old.prompt_hash
        self._known[new.fingerprint] = _Known(seen=new, prompt_hash=prompt_hash)
        self._until = max(self._until, new.last_seq)

    def _with_heads(self, found: list[_Known]) -> list[FingerprintSeen]:
        wanted = sorted({known.prompt_hash for known in found if known.prompt_hash is not None})
        rows = self._database.read("learning.heads", wanted=wanted) if wanted else []
        heads = {row["prompt_hash"]: tuple(row["head"]) for row in rows}
        return [replace(known.seen, head=heads.get(known.prompt_hash or "", ())) for known in found]
