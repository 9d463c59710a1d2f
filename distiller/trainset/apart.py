"""Finds what tasks that are trained together must not learn from each other. Reads frozen files; knows no training.

Each trainset keeps its own two parts apart. A student of several learns from the train rows of one and is tested on
the held-out rows of another, which an agent may have made in the same conversation.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from distiller.trainset.freeze import CARD, HELDOUT, TRAIN, read_rows
from distiller.trainset.near import ALIKE, clusters
from distiller.trainset.varying import varying

_Key = tuple[str, str]


@dataclass(frozen=True, kw_only=True, slots=True)
class _Frozen:
    train: list[dict[str, Any]]
    heldout: list[dict[str, Any]]
    card: dict[str, Any]


def shared(folders: Sequence[Path]) -> frozenset[str]:
    """Return the ids of the train calls that share a conversation, a user or a near-duplicate with a row held out elsewhere.

    What was taken out of a text for its privacy differs from call to call, and is compared like any other words.
    Requests are near from where on all of these trainsets say so (`near_alike`). Takes seconds.
    """
    if len(folders) < 2:  # noqa: PLR2004 - there is no other
        return frozenset()
    sets = [_read(folder) for folder in folders]
    common = frozenset(user for one in sets for user in one.card.get("common_users", ()))
    near = _near(sets)
    held = [{key for row in one.heldout for key in _keys(row, near, common)} for one in sets]
    return frozenset(
        row["call_id"]
        for place, one in enumerate(sets)
        for row in one.train
        if any(
            not others.isdisjoint(_keys(row, near, common)) for at, others in enumerate(held) if at != place
        )
    )


def _read(folder: Path) -> _Frozen:
    card = json.loads((folder / CARD).read_text("utf-8"))
    return _Frozen(train=read_rows(folder / TRAIN), heldout=read_rows(folder / HELDOUT), card=card)


def _near(sets: Sequence[_Frozen]) -> dict[str, int]:
    """Return the cluster of near-duplicates of each call, over all tasks."""
    rows = [row for one in sets for row in (*one.train, *one.heldout)]
    alike = max(float(one.card.get("near_alike", ALIKE)) for one in sets)
    texts = [varying(row["request"]) or row["call_id"] for row in rows]
    return {row["call_id"]: place for row, place in zip(rows, clusters(texts, alike), strict=True)}


def _keys(row: dict[str, Any], near: dict[str, int], common: frozenset[str]) -> Iterator[_Key]:
    """Yield what a row that is learnt must not share with one that is held out."""
    yield "unit", row["unit"]
    yield "near", str(near[row["call_id"]])
    user = row.get("user")
    if user and user not in common:
        yield "user", user
