"""Cleans the texts of one row: the same value becomes the same stand-in. Pure: knows no other row."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator, Sequence
from typing import Any, Protocol

from distiller.trainset.patterns import Found, Level
from distiller.trainset.standins import NAMES, key, real, standin

_ROUNDS = 5  # of looking again: what two values leave between them may look like a third
_MAY_BE = re.compile(r"[@\d]|-----BEGIN|://")  # without these nothing is found
_BYTES = re.compile(r"data:[^,]{0,100};base64,")
_LITERAL = re.compile(r'"(?:[^"\\]|\\.)*"')  # a string in JSON text


class People(Protocol):
    """Finds the names of people and places."""

    def find(self, text: str) -> Iterable[Found]:
        """Return them, of the kinds `person` and `place`."""
        ...


def looks_like(text: str, level: Level) -> list[Found]:
    """Return what the patterns of a level find in a text and is no stand-in."""
    if not _MAY_BE.search(text) or _BYTES.match(text):
        return []
    return real(text, level.patterns)


def texts(value: Any) -> Iterator[str]:
    """Yield every string of a JSON value, and what is in a string that is itself JSON with escapes."""
    if isinstance(value, str):
        yield value
        if _escaped(value):
            yield from texts(json.loads(value))
    elif isinstance(value, dict | list):
        for part in value.values() if isinstance(value, dict) else value:
            yield from texts(part)


def _escaped(text: str) -> bool:
    """Tell whether a text is JSON in which something may be spelt otherwise than it is meant."""
    if "\\" not in text or text.lstrip()[:1] not in ("{", "["):
        return False
    try:
        json.loads(text)
    except (ValueError, RecursionError):
        return False
    return True


class Cleaner:
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
            found = [one for one in looks_like(text, self._level) if one.text not in self._own]
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
        """Return the names outside of what the patterns find; none that would break JSON in a string.

        A name that was found once in the row is found wherever it stands: a recogniser may miss it there.
        """
        taken = looks_like(text, self._level)
        names = []
        for one in (*people.find(text), *self._known(text)):
            if set(one.text).isdisjoint('"\\{}') and all(
                one.end <= t.start or t.end <= one.start for t in taken
            ):
                names.append(one)
                taken.append(one)
        return sorted(names, key=lambda one: one.start)

    def _known(self, text: str) -> Iterator[Found]:
        for kind, name in self.numbers:
            if kind in NAMES:
                for match in re.finditer(rf"\b{re.escape(name)}\b", text):
                    yield Found(start=match.start(), end=match.end(), kind=kind, text=match[0])

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
