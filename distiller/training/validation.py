"""Rows set aside to see when learning stops to help, and what their loss says. Pure; knows no tensors.

They come from the rows of training, never from the held-out file, which is the screen's alone.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass

from distiller.training.rows import Row

FROM = 300  # passed rows below which none are set aside: each of them is needed to learn from
SHARE = 0.1
MOST = 64  # rows; a check costs about as much as learning from a third of them
PER_EPOCH = 3  # checks


@dataclass(frozen=True, kw_only=True, slots=True)
class Parted:
    """Rows to learn from and passed rows to check on; no conversation is in both."""

    train: list[Row]
    check: list[Row]


@dataclass(frozen=True, kw_only=True, slots=True)
class Best:
    """What the checks said so far."""

    loss: float = float("inf")  # least so far, nats per answer token
    step: int = 0  # optimiser steps after which it was seen
    stale: int = 0  # checks since

    def after(self, step: int, loss: float) -> Best:
        """Return what holds after one more check; a loss that is no number is never better."""
        if loss < self.loss:
            return Best(loss=loss, step=step)
        return Best(loss=self.loss, step=self.step, stale=self.stale + 1)


def part(rows: Sequence[Row], seed: int) -> Parted:
    """Set whole conversations aside, in an order that follows from the seed and their names alone."""
    passed = [row for row in rows if row.passed]
    if len(passed) < FROM:
        return Parted(train=list(rows), check=[])
    sizes: dict[str, int] = {}
    for row in passed:
        sizes[row.unit] = sizes.get(row.unit, 0) + 1
    room, aside = min(MOST, int(SHARE * len(passed))), set()
    for unit in sorted(sizes, key=lambda u: hashlib.sha256(f"{seed}/{u}".encode()).digest()):
        if sizes[unit] <= room:
            aside.add(unit)
            room -= sizes[unit]
    return Parted(
        train=[row for row in rows if row.unit not in aside],
        check=[row for row in passed if row.unit in aside],
    )


def due(step: int, of: int, epochs: float) -> bool:
    """Whether to check after so many of all optimiser steps: a few times an epoch, and at the end."""
    every = max(1, round(of / (epochs * PER_EPOCH)))
    return step == of or step % every == 0
