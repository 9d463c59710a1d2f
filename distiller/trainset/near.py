"""Finds texts that say nearly the same: MinHash, and LSH over its bands. Pure: knows no row and no file.

It compares characters, not meanings: a paraphrase in other words is another text. What more than a tenth of the
texts share is taken to be the app's template, so a sentence that a tenth of all calls repeat with small changes
is one, too.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator, Sequence

import numpy as np
from numpy.typing import NDArray

ALIKE = 0.65  # Jaccard, as a whole and in what is rare, from which two texts are near-duplicates
TEMPLATE = 0.1  # a shingle in a greater share of the texts is not rare
_FEW = 10  # texts that a rare shingle may stand in however few there are
_SIZE = 5  # characters of a shingle
_LONGEST = 8_000  # characters looked at, the last ones: what varies comes last
_SKETCH = 512  # shingles kept of a text, those with the least hashes: all of a short one
_SAMPLED = 1_000  # texts that tell what is a template
_BANDS, _ROWS = 32, 3  # a pair that is .65 alike is proposed with probability .99997
_BACK = 3  # earlier texts of a bucket that a text is compared with, beside the first
_LIKELY = (
    0.35  # share of equal hashes below which a proposed pair is not looked at: five deviations under ALIKE
)
_CHUNK = 200_000  # proposed pairs looked at in one go
_SEED = 20_261_101

_Hashes = NDArray[np.uint64]
_Ints = NDArray[np.int64]


def clusters(texts: Sequence[str], alike: float = ALIKE) -> list[int]:
    """Return for each text the place of the first text of its cluster: its own where it stands alone.

    `alike` is the Jaccard, at least ALIKE, from which two are near. Texts that are equal up to case, punctuation and blanks are always in one cluster. Deterministic; time and
    memory grow with the number of texts, not with its square.
    """
    plain = [_plain(text) for text in texts]
    place = {text: i for i, text in reversed(list(enumerate(plain)))}  # where each text comes first
    firsts = sorted(place.values())
    roots = list(range(len(firsts)))
    for one, other in _alike([plain[i] for i in firsts], alike):
        a, b = sorted((_root(roots, one), _root(roots, other)))
        roots[b] = a
    head = {i: firsts[_root(roots, at)] for at, i in enumerate(firsts)}
    return [head[place[text]] for text in plain]


def _root(roots: list[int], at: int) -> int:
    while roots[at] != at:
        roots[at] = at = roots[roots[at]]
    return at


def _plain(text: str) -> str:
    """Return the words of a text in one spelling; the text itself where it has none."""
    folded = unicodedata.normalize("NFKC", text).casefold()
    return " ".join(re.findall(r"\w+", folded)) or folded.strip()


def _alike(texts: Sequence[str], least: float) -> Iterator[tuple[int, int]]:
    """Yield the pairs of near-duplicates among different texts."""
    if len(texts) < 2:  # noqa: PLR2004 - a pair
        return
    every = [_shingles(text) for text in texts]
    common = _common(every)
    whole = [shingles[:_SKETCH] for shingles in every]
    rare = [np.setdiff1d(shingles, common, assume_unique=True)[:_SKETCH] for shingles in every]
    for one, other in _proposed(_signatures(rare)):
        if min(_jaccard(rare[one], rare[other]), _jaccard(whole[one], whole[other])) >= least:
            yield one, other


def _shingles(text: str) -> _Hashes:
    """Return the hashes of a text's shingles, ascending, each once."""
    codes = np.frombuffer(f" {text[-_LONGEST:]} ".encode("utf-32-le", "surrogatepass"), np.uint32)
    codes = np.pad(codes, (0, max(0, _SIZE - len(codes)))).astype(np.uint64)
    hashed = np.zeros(len(codes) - _SIZE + 1, np.uint64)
    for step in range(_SIZE):
        hashed = hashed * np.uint64(0x100000001B3) + codes[step : len(hashed) + step]
    return np.unique(_mixed(hashed))


def _mixed(values: _Hashes) -> _Hashes:
    """Spread values over 64 bits (the finaliser of splitmix64)."""
    values = (values ^ (values >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    values = (values ^ (values >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return values ^ (values >> np.uint64(31))


def _common(every: Sequence[_Hashes]) -> _Hashes:
    """Return the shingles that are not rare, as an even sample of the texts has them."""
    sample = every[:: -(-len(every) // _SAMPLED)]
    hashes, counts = np.unique(np.concatenate(sample), return_counts=True)
    return hashes[counts > max(TEMPLATE * len(sample), _FEW)]


def _signatures(rare: Sequence[_Hashes]) -> _Hashes:
    """Return the MinHash signatures, one a row; a text without rare shingles has one of its own."""
    salts = np.random.default_rng(_SEED).integers(1, 2**63, _BANDS * _ROWS, dtype=np.uint64)
    signatures = np.empty((len(rare), len(salts)), np.uint64)
    for at, shingles in enumerate(rare):
        source = shingles if len(shingles) else np.array([at], np.uint64)
        signatures[at] = (_mixed(source[:, None] ^ salts)).min(axis=0)
    return signatures


def _proposed(signatures: _Hashes) -> Iterator[tuple[int, int]]:
    """Yield the pairs, earlier text first, that share a band and enough of their signatures."""
    pairs = np.unique(np.concatenate([_neighbours(band) for band in _bands(signatures)]), axis=0)
    for start in range(0, len(pairs), _CHUNK):
        some = pairs[start : start + _CHUNK]
        equal = (signatures[some[:, 0]] == signatures[some[:, 1]]).mean(axis=1)
        yield from ((int(a), int(b)) for a, b in some[equal >= _LIKELY])


def _bands(signatures: _Hashes) -> Iterator[_Hashes]:
    """Yield one hash for each text, band by band."""
    for start in range(0, _BANDS * _ROWS, _ROWS):
        band = signatures[:, start]
        for row in range(start + 1, start + _ROWS):
            band = _mixed(band ^ signatures[:, row] * np.uint64(0x9E3779B97F4A7C15))
        yield band


def _neighbours(band: _Hashes) -> _Ints:
    """Return the pairs to compare: a text of a bucket with the first and the latest few before it."""
    order = np.argsort(band, kind="stable").astype(np.int64)
    sorted_band = band[order]
    starts = np.searchsorted(sorted_band, sorted_band, side="left")  # where each one's bucket begins
    places = np.arange(len(order))
    earlier = [starts, *(np.maximum(places - back, starts) for back in range(1, _BACK + 1))]
    pairs = [np.stack([order[before], order], axis=1)[before < places] for before in earlier]
    return np.concatenate(pairs)


def _jaccard(one: _Hashes, other: _Hashes) -> float:
    """Return the Jaccard of two sketches: exact where they hold all, else from the least hashes of both."""
    union = np.union1d(one, other)[:_SKETCH]
    both = np.intersect1d(one, other, assume_unique=True)
    return float(np.isin(union, both, assume_unique=True).mean()) if len(union) else 0.0
