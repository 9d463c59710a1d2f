"""Text that compresses like English: words by Zipf's law, with numbers, names and codes. Knows no task.

Nothing here repeats a template: DuckDB's compression would be flattered. What zlib at level 6 makes of a
day's messages is part of the benchmark's result, and a test holds it between 2.5 and 3.5, where English lies.
"""

from __future__ import annotations

import random
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import numpy as np

_ENDINGS = ("", "s", "ed", "ing", "er", "ment", "able", "ly", "less", "ful")
_RARE = 4.0  # how far apart the commonest and the rarest word are flattened: Mandelbrot's shift of Zipf's law


@dataclass(frozen=True, kw_only=True, slots=True)
class _Words:
    common: list[str]  # of English, commonest first
    rare: list[str]  # stems with endings: about four thousand forms
    names: list[str]


@cache
def _words() -> _Words:
    text = Path(__file__).with_name("words.txt").read_text("utf-8")
    common, stems, names = (part.split() for part in text.split("\n\n"))
    return _Words(common=common, rare=[stem + end for stem in stems for end in _ENDINGS], names=names)


class Prose:
    """Sentences of one subject: its own order of the rarer words. Not thread-safe."""

    def __init__(self, seed: int) -> None:
        self._rng = random.Random(seed)
        self._batches = np.random.default_rng(seed)
        known = _words()
        rare = self._batches.permutation(np.array(known.rare, dtype=object))
        words = np.concatenate((np.array(known.common, dtype=object), rare))
        chances = 1.0 / (np.arange(len(words)) + _RARE)
        self._words = words
        self._names = known.names
        self._up_to = np.cumsum(chances / chances.sum())
        self._drawn: list[str] = []
        self._taken = 0

    def text(self, characters: int) -> str:
        """Return sentences of about so many characters."""
        found: list[str] = []
        size = 0
        while size < characters:
            words = self._take(self._rng.randrange(5, 22))
            if self._rng.random() < 0.35:
                words[self._rng.randrange(len(words))] = self._fact()
            sentence = " ".join(words)
            found.append(sentence[:1].upper() + sentence[1:] + ("." if self._rng.random() < 0.9 else "?"))
            size += len(sentence) + 2
        return " ".join(found)

    def words(self, count: int) -> str:
        """Return so many words, as a title has them."""
        return " ".join(self._take(count))

    def _take(self, count: int) -> list[str]:
        if self._taken + count > len(self._drawn):
            at = np.searchsorted(self._up_to, self._batches.random(65_536))
            self._drawn, self._taken = self._words[np.minimum(at, len(self._words) - 1)].tolist(), 0
        self._taken += count
        return self._drawn[self._taken - count : self._taken]

    def _fact(self) -> str:
        """Return what no other text has: a code, an amount, a date, a name."""
        number = self._rng.getrandbits(32)
        match self._rng.randrange(4):
            case 0:
                return self._names[number % len(self._names)]
            case 1:
                return f"{number % 90000 / 100:.2f} EUR"
            case 2:
                return f"2026-{number % 12 + 1:02}-{number // 12 % 28 + 1:02}"
            case _:
                return f"{self._names[number % len(self._names)][:2].upper()}-{number:08x}"
