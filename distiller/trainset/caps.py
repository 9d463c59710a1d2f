"""Bounds what one key or user can do to a trainset. Pure: knows no log, no file and no metric.

A task is one tenant's, so no tenant has a word in another's. Of the others, who makes most of the calls is the
app itself and is not bounded: there is nobody to protect from it.
"""

from __future__ import annotations

import math
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace

from distiller.trainset.rows import Row, Screened

_APP = 0.5  # who owns more than this share of the rows is the app
UNHEARD = "only feedback that does not count made it valid"


def heard(screened: Screened, share: float) -> Screened:
    """Let each voice be heard in one row of every 1 / `share` rows, its newest of them.

    A voice is the key that gave the feedback, and the user whose call it is. A row beyond that stands as if
    nothing had been said of it. Blocks of the log order make it hold for every part of the log, the held-out
    one too: of n rows on end, a voice is heard in at most n * share + 2.
    """
    rows = sorted(screened.rows, key=lambda row: row.seq)
    trusted = _trusted(rows)
    size = math.ceil(1 / share)
    kept: list[Row] = []
    unheard = lost = 0
    for start in range(0, len(rows), size):
        spoken: set[str] = set()
        for row in reversed(rows[start : start + size]):
            voices = set(_voices(row)) - trusted
            if spoken.isdisjoint(voices):
                spoken |= voices
                kept.append(row)
                continue
            unheard += 1
            if row.unsaid is None:
                lost += 1
            else:
                kept.append(row.unsaid)
    left_out = {**screened.left_out, **({UNHEARD: lost} if lost else {})}
    ordered = tuple(sorted(kept, key=lambda row: row.seq))
    return replace(screened, rows=ordered, left_out=left_out, unheard=unheard)


def by_user(rows: Sequence[Row], share: float, constants: Iterable[str]) -> tuple[Row, ...]:
    """Keep the newest rows of each user, at most `share` of all rows; of the app's constants all."""
    most = max(1, math.floor(share * len(rows)))
    free = set(constants)
    owned: Counter[str] = Counter()
    kept = []
    for row in reversed(rows):
        if row.user and row.user not in free:
            owned[row.user] += 1
            if owned[row.user] > most:
                continue
        kept.append(row)
    return tuple(reversed(kept))


def by_cluster(rows: Sequence[Row], most: int) -> tuple[Row, ...]:
    """Keep the newest `most` rows of those that say nearly the same and are answered the same.

    Nearly the same with another answer is what a student has to tell apart: it is no repetition.
    """
    seen: defaultdict[tuple[int | None, str], int] = defaultdict(int)
    kept = []
    for row in reversed(rows):
        said = (row.near, repr(row.completion))
        seen[said] += 1
        if row.near is None or seen[said] <= most:
            kept.append(row)
    return tuple(reversed(kept))


def _trusted(rows: Sequence[Row]) -> set[str]:
    keys = Counter(f"key {row.key}" for row in rows)
    users = Counter(f"user {row.user}" for row in rows if row.user)
    return {name for name, owned in (keys + users).items() if owned > _APP * len(rows)}


def _voices(row: Row) -> Iterator[str]:
    if not row.voices:
        return
    yield from (f"key {key}" for key in row.voices)
    if row.user:
        yield f"user {row.user}"
