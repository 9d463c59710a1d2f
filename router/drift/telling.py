"""A classifier that tries to tell the latest requests from those of before. Knows no test and no log.

The requests are laid along the few directions in which they differ most (latent semantic analysis: a truncated
singular value decomposition), and a ridge regression, each side weighing half, separates the sides there: with a few
hundred examples that learns faster than a regression on all places. Where it draws the line is
chosen by requests that it did not learn from. Deterministic: its random directions have a fixed seed.

Sources: Lopez-Paz and Oquab, "Revisiting classifier two-sample tests" (2017); Halko, Martinsson and Tropp, "Finding
structure with randomness" (2011), for the decomposition.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from router.drift.features import PLACES, Marks, rarity
from router.drift.sparse import Floats, Rows

LINES = (0.6, 0.8, 0.9, 0.96)  # shares of the reference that lie below each line
_DIRECTIONS = 24
_SPARE = 8
_RIDGE = 0.3  # of the mean variance
_SEED = 0


@dataclass(frozen=True, kw_only=True, slots=True)
class Telling:
    """A direction in the places, and lines across it: what lies beyond a line looks new."""

    weights: Floats  # what each place is worth, shape (2048,)
    direction: Floats  # shape (2048,)
    lines: Floats  # ascending, shape (4,)

    def beyond(self, requests: Sequence[Marks]) -> NDArray[np.bool_]:
        """Say which requests lie beyond which lines, shape (n, 4)."""
        scores = Rows.of(requests, self.weights).times(self.direction[:, None])[:, 0]
        return np.asarray(scores[:, None] > self.lines[None, :])


def tell(reference: Sequence[Marks], latest: Sequence[Marks]) -> Telling:
    """Learn to tell the latest requests from a reference; both have two at least."""
    weights = rarity(reference)
    rows = Rows.of([*reference, *latest], weights)
    basis = _directions(rows)
    places = rows.times(basis)
    of_each = [len(reference), len(latest)]
    sides = np.repeat(np.array([-1, 1], dtype=np.float32), of_each)
    shares = np.repeat(np.array([0.5 / n for n in of_each], dtype=np.float32), of_each)
    scores = np.zeros(sum(of_each), dtype=np.float32)
    half = np.arange(sum(of_each)) % 2 == 0
    for learnt in (half, ~half):
        scores[~learnt] = _across(places[~learnt], _ridge(places[learnt], sides[learnt], shares[learnt]))
    direction = _across(basis, _ridge(places, sides, shares))
    lines = np.quantile(scores[: of_each[0]], LINES).astype(np.float32)
    return Telling(weights=weights, direction=direction, lines=lines)


def _directions(rows: Rows) -> Floats:
    """Give the directions in which rows differ most, shape (2048, 24), by a randomised decomposition."""
    random = np.random.default_rng(_SEED)
    guess = random.standard_normal((PLACES, _DIRECTIONS + _SPARE)).astype(np.float32)
    span = _orthogonal(rows.times(guess))
    span = _orthogonal(rows.times(rows.turned_times(span)))
    across = rows.turned_times(span)
    sizes, turns = np.linalg.eigh(_product(across, across))  # ascending
    return _times(across, (turns / np.sqrt(np.maximum(sizes, 1e-12)))[:, -_DIRECTIONS:])


def _orthogonal(columns: Floats) -> Floats:
    """Give columns that span the same and are orthogonal, by the Cholesky factor of their products."""
    own = _product(columns, columns)
    factor = np.linalg.cholesky(own + 1e-6 * np.trace(own) * np.eye(len(own)))
    return _times(columns, np.linalg.inv(factor).T)


def _product(one: Floats, other: Floats) -> NDArray[np.float64]:
    """Give the products of the columns of two, shape (j, k)."""
    found: NDArray[np.float64] = np.einsum("ni,nj->ij", one, other, dtype=np.float64)
    return found


def _times(columns: Floats, small: NDArray[np.float64]) -> Floats:
    found: Floats = np.einsum("ni,ij->nj", columns, small.astype(np.float32)).astype(np.float32)
    return found


def _across(columns: Floats, weights: Floats) -> Floats:
    found: Floats = np.einsum("ni,i->n", columns, weights).astype(np.float32)
    return found


def _ridge(places: Floats, sides: Floats, shares: Floats) -> Floats:
    """Give the weights of a ridge regression of the sides on the places."""
    weighed = shares[:, None] * places
    centred = places - weighed.sum(0) / shares.sum()
    spread = _product(centred, shares[:, None] * centred)
    spread += _RIDGE * np.trace(spread) / len(spread) * np.eye(len(spread))
    wanted = shares * (sides - (shares * sides).sum() / shares.sum())
    found: Floats = np.linalg.solve(spread, _product(centred, wanted[:, None])[:, 0]).astype(np.float32)
    return found
