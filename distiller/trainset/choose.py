"""Chooses which rows stay where there are more than can be trained on. Pure: knows no split and no file."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from distiller.trainset.rows import Row
from distiller.trainset.slices import slices

_SCARCE = 0.5  # share of the room that is kept for rare kinds


def choose(rows: Sequence[Row], most: int, *, key_share: float = 1.0) -> tuple[Row, ...]:
    """Return at most `most` rows in log order: some of every kind first, then the newest.

    While other keys' rows fill the rest, one key has at most `key_share` of the room.
    """
    if len(rows) <= most:
        return tuple(rows)
    first = scarce(rows, int(_SCARCE * most))
    newest = sorted(range(len(rows)), key=lambda i: (i not in first, -i))
    room, owned = max(1, int(key_share * most)), Counter[str]()
    kept: list[int] = []
    spare: list[int] = []
    for i in newest:
        owned[rows[i].key] += 1
        (kept if owned[rows[i].key] <= room else spare).append(i)
    return tuple(rows[i] for i in sorted([*kept, *spare][:most]))


def scarce(rows: Sequence[Row], room: int) -> frozenset[int]:
    """Return the places of the newest rows of every kind, at most `room`.

    Each property has an equal part of the room, and each value of it an equal part of that. A property with
    more values than its part has places (answers that are all different) tells no kinds apart.
    """
    kinds = [slices(row) for row in rows]
    names = list(kinds[0]) if kinds else []
    found: set[int] = set()
    for name in names:
        each = room // len(names) // len({kind[name] for kind in kinds})
        seen: Counter[str] = Counter()
        for i in range(len(rows) - 1, -1, -1):
            seen[kinds[i][name]] += 1
            if seen[kinds[i][name]] <= each:
                found.add(i)
    return frozenset(found)
