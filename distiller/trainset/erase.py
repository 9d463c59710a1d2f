"""Takes rows out of a frozen trainset. Knows no subject: it is told which rows go.

A trainset's id stays the hash of what was frozen, and is a name from then on: `content` in the card is the
hash of what is left, `erased_rows` says how many went.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from distiller.trainset.freeze import CARD, HELDOUT, TRAIN, lines, read_rows
from distiller.trainset.redact import pseudonym
from store.ids import digest

Row = dict[str, Any]


@dataclass(frozen=True, kw_only=True, slots=True)
class Remains:
    """What stays of a trainset, and what of it has to go."""

    train: int  # rows that go
    heldout: int
    gone: tuple[Row, ...]  # the rows that go
    card: dict[str, Any]  # the card as it must be
    files: dict[str, bytes]  # new contents by file name; empty where nothing has to go

    @property
    def touched(self) -> bool:
        """Whether anything has to go."""
        return bool(self.files)


def written(name: str) -> frozenset[str]:
    """Return how a user or a conversation may stand in a trainset: by its name, or by the hash of it."""
    return frozenset({name, pseudonym(name)})


def without(folder: Path, goes: Callable[[Row], bool], user: str | None = None) -> Remains:
    """Say what is left of a trainset without the rows that go, and without the name of `user` in its card.

    Writing the files is the caller's, who knows how they are kept. Safe to repeat when only some of them
    were written: the count of erased rows comes out the same.
    """
    card: dict[str, Any] = json.loads((folder / CARD).read_text("utf-8"))
    train, heldout = read_rows(folder / TRAIN), read_rows(folder / HELDOUT)
    gone_train, gone_heldout = [row for row in train if goes(row)], [row for row in heldout if goes(row)]
    gone = [*gone_train, *gone_heldout]
    gone_names = frozenset() if user is None else written(user)
    names = [name for name in card["common_users"] if name not in gone_names]
    left_train = lines([row for row in train if not goes(row)])
    left_heldout = lines([row for row in heldout if not goes(row)])
    if not gone and names == card["common_users"]:
        return Remains(train=0, heldout=0, gone=(), card=card, files={})
    rows = {"train": len(train) - len(gone_train), "heldout": len(heldout) - len(gone_heldout)}
    frozen = card["train"] + card["heldout"] + card.get("erased_rows", 0)
    erased = frozen - sum(rows.values())
    left = {
        **card,
        **rows,
        "common_users": names,
        "content": digest(left_train, left_heldout),
        "erased_rows": erased,
    }
    text = json.dumps(left, indent=2, ensure_ascii=False) + "\n"
    return Remains(
        train=len(gone_train),
        heldout=len(gone_heldout),
        gone=tuple(gone),
        card=left,
        # The card first: as long as rows are left, a repeated run finds them and writes all again.
        files={CARD: text.encode(), TRAIN: left_train, HELDOUT: left_heldout},
    )
