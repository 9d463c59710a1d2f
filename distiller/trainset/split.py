"""Splits rows into a part to learn and a later part to be tested on. Pure: knows no file."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from distiller.trainset.rows import Row

COMMON_USER = 0.1  # a user with a greater share of the rows is a constant of the app, not a person


@dataclass(frozen=True, kw_only=True, slots=True)
class Split:
    """Every held-out row is later than every train row; the two share no unit, user, input or near-duplicate."""

    train: tuple[Row, ...]
    heldout: tuple[Row, ...]
    straddling: int  # later rows left out: their unit, user, input or a near-duplicate is in the train part
    common_users: tuple[str, ...]  # ignored as constants


def split(rows: Sequence[Row], *, heldout: int) -> Split:
    """Cut the rows, in log order, at the latest place that leaves `heldout` independent units after it.

    Only units with a passed row count: no other is evaluated. At most half of the passed rows lie after
    the cut, so that a small log yields a smaller held-out part.
    """
    ordered = sorted(rows, key=lambda row: row.seq)
    common = common_users(ordered)
    since = _connected_since(ordered, common)
    cut = max(_latest_cut(ordered, since, heldout), _middle(ordered))
    later = range(cut, len(ordered))
    independent = [i for i in later if since[i] >= cut]
    return Split(
        train=tuple(ordered[:cut]),
        heldout=tuple(ordered[i] for i in independent),
        straddling=len(later) - len(independent),
        common_users=tuple(sorted(common)),
    )


def common_users(rows: Sequence[Row]) -> frozenset[str]:
    """Return the users that own more than COMMON_USER of the rows."""
    owned = Counter(row.user for row in rows if row.user)
    return frozenset(user for user, count in owned.items() if count > COMMON_USER * len(rows))


def keys(row: Row, common: frozenset[str]) -> Iterator[tuple[str, str]]:
    """Yield what two rows must not share across the cut."""
    yield "unit", row.unit
    yield "input", row.input_hash
    if row.near is not None:
        yield "near", str(row.near)
    if row.user and row.user not in common:
        yield "user", row.user


def _connected_since(rows: Sequence[Row], common: frozenset[str]) -> list[int]:
    """Return for each row the index of the first row that shares a key with it."""
    first: dict[tuple[str, str], int] = {}
    return [min(first.setdefault(key, i) for key in keys(row, common)) for i, row in enumerate(rows)]


def _middle(rows: Sequence[Row]) -> int:
    """Return the least cut with half of the passed rows before it; all rows where none passed."""
    passed = [i for i, row in enumerate(rows) if row.passed]
    return passed[(len(passed) - 1) // 2] + 1 if passed else len(rows)


def _latest_cut(rows: Sequence[Row], since: Sequence[int], wanted: int) -> int:
    """Return the greatest cut with `wanted` independent units after it, 0 where there is none.

    A row is independent of a cut at or before `since`; a unit while any passed row of it is.
    """
    latest: dict[str, int] = {}
    for row, start in zip(rows, since, strict=True):
        if row.passed:
            latest[row.unit] = max(start, latest.get(row.unit, 0))
    starts = sorted(latest.values(), reverse=True)
    if wanted < 1:
        return len(rows)
    return starts[wanted - 1] if wanted <= len(starts) else 0
