"""Takes secrets and personal data out of rows, before they are written. Pure: knows no file and no policy.

A secret becomes `<secret_1>`; anything else a stand-in of the same kind (`standins`). Within a row the same value
becomes the same stand-in, in request, answer, tool arguments and the teacher's own words, so that an answer that
copies a value from the prompt still does. What is computed from a value (the domain of an address) does not.
"""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Any

from distiller.trainset.cleaner import Cleaner, People, looks_like, texts
from distiller.trainset.patterns import Level
from distiller.trainset.rows import Row
from distiller.trainset.standins import real
from distiller.trainset.varying import after_head

_APP = 0.5  # what stands in the heads of more rows than this is the app's own: its support address
_NAME_CHARS = 24


@dataclass(frozen=True, kw_only=True, slots=True)
class Redacted:
    """Rows as they may be written."""

    rows: tuple[Row, ...]
    counts: dict[str, int]  # different values taken out, a row each, by kind
    own: tuple[str, ...]  # the app's own addresses and numbers, which stay


def redact(rows: Sequence[Row], level: Level, people: People | None = None) -> Redacted:
    """Take out of every row what `level` says; `people` where it says names."""
    counts: Counter[str] = Counter()
    own = _own(rows, level)
    kept = []
    for row in rows:
        cleaner = Cleaner(row.call_id, level, own, people if level is Level.NAMES else None)
        kept.append(
            replace(
                row,
                request=cleaner.value(row.request),
                completion=cleaner.value(row.completion),
                teacher=cleaner.value(row.teacher),
                unit=pseudonym(row.unit, level),
                user=row.user and pseudonym(row.user, level),
            )
        )
        counts.update(kind for kind, _ in cleaner.numbers)
    return Redacted(rows=tuple(kept), counts=dict(sorted(counts.items())), own=tuple(sorted(own)))


def pseudonym(name: str, level: Level = Level.PERSONAL) -> str:
    """Return a user's or a conversation's name, or, where it is itself an address or a number, a hash of it.

    The hash says who it is to somebody who knows the name: it must, so that an erasure finds the rows.
    """
    if not real(name, level.patterns):
        return name
    return "hash-" + hashlib.sha256(name.encode("utf-8", "surrogatepass")).hexdigest()[:_NAME_CHARS]


def left(rows: Iterable[dict[str, Any]], level: Level, own: Iterable[str]) -> Counter[str]:
    """Return what is in written rows and should not be, by kind."""
    allowed = frozenset(own)
    found: Counter[str] = Counter()
    for row in rows:
        said = [row[name] for name in ("request", "completion", "teacher", "unit", "user") if row.get(name)]
        for text in texts(said):
            found.update(one.kind for one in looks_like(text, level) if one.text not in allowed)
    return found


def _own(rows: Sequence[Row], level: Level) -> frozenset[str]:
    """Return the personal data in the heads of most rows."""
    if level in (Level.OFF, Level.SECRETS):
        return frozenset()
    known: dict[str, frozenset[str]] = {}
    counts: Counter[str] = Counter()
    for row in rows:
        head = "\n".join(texts(_head(row.request)))
        if head not in known:
            known[head] = frozenset(found.text for found in real(head))
        counts.update(known[head])
    return frozenset(text for text, count in counts.items() if count > _APP * len(rows))


def _head(request: dict[str, Any]) -> dict[str, Any]:
    messages = request.get("messages") or []
    constant = messages[: len(messages) - len(after_head(request))]
    return {**{name: value for name, value in request.items() if name != "messages"}, "messages": constant}
