"""Which words requests have more and less of than before. Knows no test.

Only words that ten requests of different conversations have in common are ever named: a reason is kept for good, and
must not quote anybody.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from router.drift.features import words_of

COMMON = 10
_MOST = 5  # words each way


def changed_words(before: Sequence[str], latest: Sequence[str]) -> str:
    """Say which words most more, and most fewer, of the latest texts have; "" where no common one does."""
    earlier, later = _shares(before), _shares(latest)
    more, less = _risen(earlier, later, len(latest)), _risen(later, earlier, len(before))
    said = []
    if more:
        said.append(f"More often said: {', '.join(more)}.")
    if less:
        said.append(f"Less often: {', '.join(less)}.")
    return " ".join(said)


def _shares(texts: Sequence[str]) -> dict[str, float]:
    counts = Counter(word for text in texts for word in set(words_of(text)))
    return {word: n / len(texts) for word, n in counts.items()}


def _risen(earlier: dict[str, float], later: dict[str, float], n: int) -> list[str]:
    rises = {
        word: share - earlier.get(word, 0.0)
        for word, share in later.items()
        if share * n >= COMMON and not word.startswith("0")
    }
    best = sorted((word for word in rises if rises[word] > 0), key=lambda word: (-rises[word], word))
    return best[:_MOST]
