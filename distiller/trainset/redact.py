"""Takes secrets and personal data out of rows, before they are written. Pure: knows no file and no policy.

A secret becomes `<secret_1>`; anything else a stand-in of the same kind (`standins`). Within a row the same value
becomes the same stand-in, in request, answer, tool arguments and the teacher's own words, so that an answer that
copies a value from the prompt still does. What is computed from a value (the domain of an address) does not.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Any, Protocol

from distiller.trainset.patterns import PERSONAL, SECRETS, Found, Pattern
from distiller.trainset.rows import Row
from distiller.trainset.standins import key, real, standin
from distiller.trainset.varying import after_head

_APP = 0.5  # what stands in the heads of more rows than this is the app's own: its support address
_ROUNDS = 5  # of looking again: what two values leave between them may look like a third
_MAY_BE = re.compile(r"[@\d]|-----BEGIN|://")  # without these nothing is found
_BYTES = re.compile(r"data:[^,]{0,100};base64,")
_LITERAL = re.compile(r'"(?:[^"\\]|\\.)*"')  # a string in JSON text
_NAME_CHARS = 24


class Level(StrEnum):
    """What is taken out; each also what those before it do."""

    OFF = "off"
    SECRETS = "secrets"
    PERSONAL = "personal"
    NAMES = "names"  # of people and places, as a recogniser finds them

    @property
    def patterns(self) -> tuple[Pattern, ...]:
        """The forms that are looked for."""
        if self is Level.OFF:
            return ()
        return SECRETS if self is Level.SECRETS else (*SECRETS, *PERSONAL)


class People(Protocol):
    """Finds the names of people and places."""

    def find(self, text: str) -> Iterable[Found]:
        """Return them, of the kinds `person` and `place`."""
        ...


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
        cleaner = _Cleaner(row.call_id, level, own, people if level is Level.NAMES else None)
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
        for text in _texts(said):
            found.update(one.kind for one in _found(text, level) if one.text not in allowed)
    return found


def _own(rows: Sequence[Row], level: Level) -> frozenset[str]:
    """Return the personal data in the heads of most rows."""
    if level in (Level.OFF, Level.SECRETS):
        return frozenset()
    known: dict[str, frozenset[str]] = {}
    counts: Counter[str] = Counter()
    for row in rows:
        head = "\n".join(_texts(_head(row.request)))
        if head not in known:
            known[head] = frozenset(found.text for found in real(head))
        counts.update(known[head])
    return frozenset(text for text, count in counts.items() if count > _APP * len(rows))


def _head(request: dict[str, Any]) -> dict[str, Any]:
    messages = request.get("messages") or []
    constant = messages[: len(messages) - len(after_head(request))]
    return {**{name: value for name, value in request.items() if name != "messages"}, "messages": constant}


def _found(text: str, level: Level) -> list[Found]:
    if not _MAY_BE.search(text) or _BYTES.match(text):
        return []
    return real(text, level.patterns)


def _texts(value: Any) -> Iterator[str]:
    """Yield every string of a JSON value, and what is in a string that is itself JSON with escapes."""
    if isinstance(value, str):
        yield value
        if _escaped(value):
            yield from _texts(json.loads(value))
    elif isinstance(value, dict | list):
        for part in value.values() if isinstance(value, dict) else value:
            yield from _texts(part)


def _escaped(text: str) -> bool:
    """Tell whether a text is JSON in which something may be spelt otherwise than it is meant."""
    if "\\" not in text or text.lstrip()[:1] not in ("{", "["):
        return False
    try:
        json.loads(text)
    except (ValueError, RecursionError):
        return False
    return True


class _Cleaner:
    """Cleans one row: the same value becomes the same stand-in."""

    def __init__(self, row: str, level: Level, own: frozenset[str], people: People | None) -> None:
        self.numbers: dict[tuple[str, str], int] = {}  # of each value of a kind, from 1
        self._row = row
        self._level = level
        self._own = own
        self._people = people

    def value(self, value: Any) -> Any:
        """Return a JSON value with clean strings."""
        if isinstance(value, str):
            return self._text(value)
        if isinstance(value, dict):
            return {name: self.value(part) for name, part in value.items()}
        return [self.value(part) for part in value] if isinstance(value, list) else value

    def _text(self, text: str) -> str:
        if _escaped(text):
            text = _LITERAL.sub(lambda match: self._literal(match[0]), text)
        if self._people is not None and not _BYTES.match(text):
            text = self._without(text, self._names(self._people, text))
        for _ in range(_ROUNDS):
            found = [one for one in _found(text, self._level) if one.text not in self._own]
            if not found:
                break
            text = self._without(text, found)
        return text

    def _literal(self, literal: str) -> str:
        """Return a string of JSON text, spelt as it was where there is nothing to take out."""
        said = json.loads(literal)
        clean = self._text(said)
        return literal if clean == said else json.dumps(clean)

    def _names(self, people: People, text: str) -> list[Found]:
        """Return the names outside of what the patterns find; none that would break JSON in a string."""
        taken = _found(text, self._level)
        return [
            one
            for one in sorted(people.find(text), key=lambda one: one.start)
            if not set(one.text) & set('"\\{}')
            and all(one.end <= t.start or t.end <= one.start for t in taken)
        ]

    def _without(self, text: str, found: Sequence[Found]) -> str:
        parts, at = [], 0
        for one in found:
            parts += [text[at : one.start], self._standin(one)]
            at = one.end
        return "".join([*parts, text[at:]])

    def _standin(self, found: Found) -> str:
        known = (found.kind, key(found.kind, found.text))
        kinds = sum(kind == found.kind for kind, _ in self.numbers)
        number = self.numbers.setdefault(known, kinds + 1)
        return standin(found.kind, found.text, row=self._row, number=number)
