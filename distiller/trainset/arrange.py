"""From screened rows to the two parts that are frozen, and why the others are not in them. Pure: knows no file."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from distiller.settings import DistillerSettings
from distiller.trainset import caps
from distiller.trainset.choose import choose, scarce
from distiller.trainset.cleaner import People
from distiller.trainset.near import ALIKE, clusters
from distiller.trainset.patterns import Level
from distiller.trainset.redact import pseudonym as renamed
from distiller.trainset.redact import redact
from distiller.trainset.rows import Row, passing
from distiller.trainset.split import Split, keys, split
from distiller.trainset.varying import varying

_ALIKE = (ALIKE, 0.8, 0.9, 1.0)  # from the usual to where only equal requests are near
_ENOUGH = 0.8  # share of the held-out conversations that near-duplicates may leave where there are few
_SCARCE = 0.5  # share of the held-out part's room for further rows that is kept for rare kinds


@dataclass(frozen=True, kw_only=True, slots=True)
class Arranged:
    """Two parts ready to be frozen, and what their card says of it."""

    parts: Split
    left_out: dict[str, int]  # rows, by the reason why
    card: dict[str, object]


def arrange(
    rows: Sequence[Row], settings: DistillerSettings, *, level: Level, people: People | None = None
) -> Arranged:
    """Split the rows in time, bound what one source has in the train part, redact both parts.

    An app may repeat itself so much that next to nothing would be held out. Its requests count as near-duplicates only
    where they are liker than usual, down to where only equal ones are: the card says from where on (`near_alike`).
    What is older than can be trained on is there for its rare kinds: it gives way to the held-out rows, which the
    others do not.
    """
    for alike in _ALIKE:
        marked = nearby(rows, alike)
        start = max(0, len(marked) - settings.training.max_rows - 2 * settings.heldout_max)
        older, recent = marked[:start], marked[start:]
        wanted = wanted_heldout(passing(recent), settings)
        parted = split(recent, heldout=wanted)
        there = units(split([replace(row, near=None) for row in recent], heldout=wanted))
        if units(parted) >= min(settings.heldout_min, _ENOUGH * there):
            break
    apart = without_heldout(older, parted)
    train, left_out = _train([*apart, *parted.train], parted.common_users, settings)
    left_out["older, and shares something with held-out rows"] = len(older) - len(apart)
    passed = [row for row in parted.heldout if row.passed]
    heldout = bounded(passed, settings.heldout_max * 2)
    left_out["held out and judged bad"] = len(parted.heldout) - len(passed)
    left_out["held out, and more than heldout_max of the same conversations"] = len(passed) - len(heldout)
    clean = redact([*train, *heldout], level, people)
    parts = replace(
        parted,
        train=clean.rows[: len(train)],
        heldout=clean.rows[len(train) :],
        common_users=tuple(renamed(user, level) for user in parted.common_users),
    )
    card: dict[str, object] = {
        "near_alike": alike,
        "near_clusters": len({row.near for row in marked if row.near != row.seq}),
        "redact": level,
        "redacted": clean.counts,
        "own": list(clean.own),
    }
    return Arranged(parts=parts, left_out={why: n for why, n in left_out.items() if n}, card=card)


def nearby(rows: Sequence[Row], alike: float = ALIKE) -> list[Row]:
    """Return the rows in log order, each with the cluster of near-duplicates that it is in."""
    ordered = sorted(rows, key=lambda row: row.seq)
    firsts = clusters([varying(row.request) or row.input_hash for row in ordered], alike)
    return [replace(row, near=ordered[first].seq) for row, first in zip(ordered, firsts, strict=True)]


def units(parted: Split) -> int:
    """Return how many conversations with a passed row are held out."""
    return len({row.unit for row in parted.heldout if row.passed})


def without_heldout(older: Sequence[Row], parted: Split) -> list[Row]:
    """Return the rows that share nothing with the held-out part."""
    common = frozenset(parted.common_users)
    held = {key for row in parted.heldout for key in keys(row, common)}
    return [row for row in older if held.isdisjoint(keys(row, common))]


def wanted_heldout(passed: int, settings: DistillerSettings) -> int:
    """Return how many held-out conversations to aim for among `passed` rows."""
    return min(max(round(settings.heldout * passed), settings.heldout_min), settings.heldout_max)


def bounded(rows: Sequence[Row], most: int) -> tuple[Row, ...]:
    """Return about `most` rows in log order: the latest of each conversation, then some of each kind, then the newest."""
    latest = {row.unit: row for row in rows}
    others = [row for row in rows if latest[row.unit] is not row]
    room = max(0, most - len(latest))
    first = scarce(others, int(_SCARCE * room)) if len(others) > room else frozenset()
    preferred = sorted(range(len(others)), key=lambda i: (i not in first, -i))
    kept = [*latest.values(), *(others[i] for i in preferred[:room])]
    return tuple(sorted(kept, key=lambda row: row.seq))


def _train(
    rows: Sequence[Row], constants: Sequence[str], settings: DistillerSettings
) -> tuple[tuple[Row, ...], dict[str, int]]:
    """Return the train rows that stay, and how many went for which reason."""
    limits = settings.trainset
    users = caps.by_user(rows, limits.user_share, constants)
    apart = caps.by_cluster(users, limits.near_rows)
    chosen = choose(apart, settings.training.max_rows, key_share=limits.key_share)
    return chosen, {
        "more than user_share of one user": len(rows) - len(users),
        "near-duplicate of newer rows": len(users) - len(apart),
        "more than training.max_rows": len(apart) - len(chosen),
    }
