"""Writes the records of files into the journal, and counts. Knows no format.

It is one more writer of the journal: control loads what it writes, now or when it next starts, and knows what is there
already. A journal that is full or a disk that is slow is waited for; where nothing empties it, that ends the import, which
can be begun again.
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from itertools import chain
from pathlib import Path
from typing import Protocol

from stillhouse.errors import StillhouseError
from stillhouse.importing.formats import FORMATS, Reading
from stillhouse.importing.found import Left
from stillhouse.importing.records import Made, Maker, Provenance, Wish
from stillhouse.importing.rows import Source
from store.errors import JournalFull
from store.journal.frame import Record
from store.template import Templates
from store.vocabulary import Outcome

_NAMED = 5  # places of each reason
_TITLE = 60  # characters
_PATIENCE_S = 60.0  # with a full journal that somebody empties
_DISK_S = 5.0  # with one that only a slow disk keeps full
_PAUSE_S = 0.05


class Journal(Protocol):
    """A journal's writer that refuses when it is full."""

    def append(self, record: Record) -> bool:
        """Write a record. Raises JournalFull."""


@dataclass(kw_only=True, slots=True)
class Kind:
    """One recurring kind of call, by fingerprint."""

    fingerprint: str
    title: str  # how its instructions begin
    model: str
    surface: str
    calls: int = 0
    complete: int = 0


@dataclass(kw_only=True, slots=True)
class Summary:
    """What came of an import."""

    calls: int = 0
    feedback: int = 0
    outcomes: Counter[str] = field(default_factory=Counter)
    left: Counter[str] = field(default_factory=Counter)  # records left out, by reason
    places: dict[str, list[str]] = field(default_factory=dict)  # the first of them, by reason
    kinds: dict[str, Kind] = field(default_factory=dict)
    first_ts: float | None = None
    last_ts: float | None = None

    def note(self, made: Made) -> None:
        """Count an exchange."""
        call = made.call
        self.calls += 1
        self.feedback += len(made.feedback)
        self.outcomes[str(made.attempt.outcome)] += 1
        self.first_ts = min(call.ts, self.first_ts or call.ts)
        self.last_ts = max(call.ts, self.last_ts or call.ts)
        kind = self.kinds.get(call.fingerprint)
        if kind is None:
            kind = Kind(
                fingerprint=call.fingerprint, title=_title(made), model=call.model, surface=call.surface
            )
            self.kinds[call.fingerprint] = kind
        kind.calls += 1
        kind.complete += made.attempt.outcome is Outcome.COMPLETE

    def leave(self, left: Left) -> None:
        """Count a record that is left out."""
        self.left[left.why] += 1
        places = self.places.setdefault(left.why, [])
        if len(places) < _NAMED:
            places.append(left.place)


def bring(
    name: str,
    files: Sequence[Path],
    wish: Wish,
    journal: Journal | None,
    *,
    emptied: Callable[[], bool],
    templates: Templates,
) -> Summary:
    """Read files of a format into the journal, or only read them where there is none.

    `emptied` tells whether somebody empties the journal; `templates` are the published ones. Raises StillhouseError where a file cannot be read or the journal
    takes no more.
    """
    sources = [Source(path) for path in files]
    hashes = [source.sha256() for source in sources]
    read = FORMATS[name](chain.from_iterable(sources))
    summary = Summary()
    for source, sha256 in zip(sources, hashes, strict=True):
        provenance = Provenance(
            format=name, file=source.path.name, sha256=sha256, when=source.path.stat().st_mtime
        )
        for one in Reading(source, read, Maker(provenance, wish, templates)):
            if isinstance(one, Left):
                summary.leave(one)
                continue
            if journal is not None:
                _append(journal, (one.attempt, one.call, *one.feedback), emptied)
            summary.note(one)
    return summary


def _append(journal: Journal, records: Iterable[Record], emptied: Callable[[], bool]) -> None:
    for record in records:
        since = time.monotonic()
        while (full := _refusal(journal, record)) is not None:
            if time.monotonic() - since > (_PATIENCE_S if emptied() else _DISK_S):
                text = f"{full} Start `stillhouse up`, which empties it, and import again: what is there stays as it is."
                raise StillhouseError(text) from full
            time.sleep(_PAUSE_S)


def _refusal(journal: Journal, record: Record) -> JournalFull | None:
    try:
        journal.append(record)
    except JournalFull as full:
        return full
    return None


def _title(made: Made) -> str:
    """Give how the instructions begin, for a person."""
    for message in made.head.get("messages", []):
        content = message.get("content") if isinstance(message, dict) else None
        if isinstance(content, list):
            content = " ".join(str(part.get("text", "")) for part in content if isinstance(part, dict))
        if isinstance(content, str) and content.strip():
            return " ".join(content.split())[:_TITLE]
    return ""
