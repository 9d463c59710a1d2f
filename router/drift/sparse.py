"""Requests as rows of a matrix that is nearly empty. Knows no classifier.

A row at a time, and products by `einsum`: a library for dense matrices starts threads on every core, beside a gateway that
needs them.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from router.drift.features import PLACES, Marks

Floats = NDArray[np.float32]


@dataclass(frozen=True, kw_only=True, slots=True)
class Rows:
    """A matrix of shape (n, 2048): of each row the places that are filled, and with what."""

    places: tuple[Marks, ...]
    values: tuple[Floats, ...]

    @classmethod
    def of(cls, requests: Sequence[Marks], weights: Floats) -> Rows:
        """Give requests as rows of length 1; `weights` (2048,) says what each place is worth."""
        values = [weights[row] for row in requests]
        scaled = [row / max(1e-9, float(np.sqrt(np.square(row).sum()))) for row in values]
        return cls(places=tuple(requests), values=tuple(row.astype(np.float32) for row in scaled))

    def times(self, other: Floats) -> Floats:
        """Give the product with `other` (2048, k), shape (n, k)."""
        made = [
            np.einsum("i,ik->k", value, other[place])
            for place, value in zip(self.places, self.values, strict=True)
        ]
        return np.array(made, dtype=np.float32)

    def turned_times(self, other: Floats) -> Floats:
        """Give the product of the transpose with `other` (n, k), shape (2048, k)."""
        product = np.zeros((PLACES, other.shape[1]), dtype=np.float32)
        for place, value, row in zip(self.places, self.values, other, strict=True):
            product[place] += value[:, None] * row[None, :]
        return product
