"""Writes a split as content-addressed files and checks what was written. Knows no log and no training."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from distiller.trainset.patterns import Level
from distiller.trainset.redact import left
from distiller.trainset.rows import Row
from distiller.trainset.split import Split
from store.ids import digest

_APART = {"unit": "unit", "user": "user", "input_hash": "input hash", "near": "cluster of near-duplicates"}
TRAIN, HELDOUT, CARD = "train.jsonl", "heldout.jsonl", "card.json"


class LeakageError(Exception):
    """Train and held-out rows share something: nothing may be measured on them."""


class ExposedError(Exception):
    """There is a secret or somebody's data in the rows: nobody may be shown them."""


class DamagedError(Exception):
    """The files are not what was frozen, nor what an erasure left of it."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Frozen:
    """A trainset on disk, not yet published."""

    trainset_id: str  # SHA-256 of the two files, hex
    folder: Path
    train: int
    heldout: int
    card: dict[str, Any]


def freeze(parts: Split, folder: Path, card: dict[str, Any]) -> Frozen:
    """Write the rows and the card into `folder`; the same rows give the same id. Raises LeakageError, ExposedError.

    Members keep the order in which the app sent them: it is part of the prompt.
    """
    folder.mkdir(parents=True, exist_ok=True)
    train, heldout = _lines(parts.train), _lines(parts.heldout)
    trainset_id = digest(train, heldout)
    whole = {
        "trainset_id": trainset_id,
        "train": len(parts.train),
        "heldout": len(parts.heldout),
        "straddling": parts.straddling,
        "common_users": list(parts.common_users),
        **card,
    }
    (folder / TRAIN).write_bytes(train)
    (folder / HELDOUT).write_bytes(heldout)
    (folder / CARD).write_text(json.dumps(whole, indent=2, ensure_ascii=False) + "\n", "utf-8")
    verify(folder)
    return Frozen(
        trainset_id=trainset_id,
        folder=folder,
        train=len(parts.train),
        heldout=len(parts.heldout),
        card=whole,
    )


def read_rows(path: Path) -> list[dict[str, Any]]:
    """Return the rows of one frozen file."""
    with path.open(encoding="utf-8") as lines:
        return [json.loads(line) for line in lines]


def verify(folder: Path) -> None:
    """Check the frozen files themselves. Raises LeakageError, naming what is shared, ExposedError or DamagedError."""
    card = json.loads((folder / CARD).read_text("utf-8"))
    train, heldout = read_rows(folder / TRAIN), read_rows(folder / HELDOUT)
    for key, what in _APART.items():
        constants = {None, "", *(card["common_users"] if key == "user" else ())}
        learnt = {row[key] for row in train} - constants
        shared = [row for row in heldout if row[key] in learnt]
        if shared:
            raise LeakageError(f"{len(shared)} held-out rows share their {what} with train rows.")
    if train and heldout and max(r["seq"] for r in train) >= min(r["seq"] for r in heldout):
        raise LeakageError("A held-out row is not later than every train row.")
    exposed = left([*train, *heldout], Level(card.get("redact", Level.OFF)), card.get("own", ()))
    if exposed:
        found = ", ".join(f"{kind} ({count})" for kind, count in sorted(exposed.items()))
        raise ExposedError(f"There is still in the rows what was to be taken out: {found}.")
    content = digest((folder / TRAIN).read_bytes(), (folder / HELDOUT).read_bytes())
    if content != card.get("content", card["trainset_id"]):
        raise DamagedError("The rows of the trainset are not those that its card names.")


def lines(rows: Sequence[dict[str, Any]]) -> bytes:
    """Return rows as they stand in a frozen file."""
    return b"".join(json.dumps(row, separators=(",", ":")).encode() + b"\n" for row in rows)


def _lines(rows: Sequence[Row]) -> bytes:
    return lines([row.to_json() for row in rows])
