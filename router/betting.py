"""Tests by betting on differences D in [-1, 1]. Knows no rollout, no step and no threshold's meaning.

A bettor starts with 1 and, before each D, stakes a fixed fraction against the claim "E[D | past] <= m". If the
claim holds, nobody can expect to win, so the wealth K is a supermartingale and P(K ever reaches 1/alpha) <=
alpha, however often one looks (Ville's inequality). Sixteen bettors share the starting capital; which stakes have
how much of it changes how soon something is found, never what is promised (docs/decisions/0010).

A difference that is a corrected one (`router.streams.gold`) may reach B > 1 in size: then D is that divided by
B, kept to a thousandth of what it was, and `scale` is B.

Sources: Waudby-Smith and Ramdas, "Estimating means of bounded random variables by betting" (2024), for the
wealth and its grid mixture; Shin, Ramdas and Rinaldo, "E-detectors" (2023), for the Shiryaev-Roberts form;
Ville, "Etude critique de la notion de collectif" (1939), for the inequality. Logarithms are natural.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

SCALE = 1000  # bins a unit: D is kept to a thousandth, rounded against the claim
BETS = 16

Floats = NDArray[np.float64]

_C: Floats = np.exp(np.linspace(math.log(0.05), math.log(0.97), BETS))
_C.flags.writeable = False
_LOG_SHARES: Floats = np.log(_C**0.75 / (_C**0.75).sum())  # of the starting capital
_LOG_SHARES.flags.writeable = False
_SLACK = 1e-9  # a D that is a multiple of 1/1000 but for float noise counts as one


def reach(scale: float = 1.0) -> int:
    """Give the bin of D = 0, which is also how many bins lie on either side of it."""
    return math.ceil(scale) * SCALE


def bin_down(d: float, scale: float = 1.0) -> int:
    """Give the bin of D rounded down, 0 for -1 to 2000 for +1 where `scale` is 1: for claims that D is high."""
    return max(0, math.floor(d * scale * SCALE + _SLACK) + reach(scale))


def bin_up(d: float, scale: float = 1.0) -> int:
    """Give the bin of D rounded up: for claims that D is low."""
    return min(2 * reach(scale), math.ceil(d * scale * SCALE - _SLACK) + reach(scale))


def of_bin(at: int, scale: float = 1.0) -> float:
    """Give the difference that a bin stands for, before it was divided by `scale`."""
    return (at - reach(scale)) / SCALE


@lru_cache(maxsize=64)
def gains(m: float, scale: float = 1.0) -> Floats:
    """Give log(1 + c_j (d - m) / (1 + m)) for every bin and bet, shape (bins, 16), read-only.

    `m` in (-1, 1) is the greatest mean of D that the claim allows.
    """
    if not -1.0 < m < 1.0:
        raise ValueError(f"the claimed mean must lie between -1 and 1, not {m}.")
    side = reach(scale)
    table = _gains(np.clip(np.arange(-side, side + 1) / (SCALE * scale), -1.0, 1.0), m)
    table.flags.writeable = False
    return table


@lru_cache(maxsize=64)
def losses(m: float, scale: float = 1.0) -> Floats:
    """Give the same for -d: bets against "E[-D | past] <= m", the claim that D is not lower than -m."""
    table = gains(m, scale)[::-1].copy()
    table.flags.writeable = False
    return table


def factors(values: Floats, most: float) -> Floats:
    """Give log f_j of values in [0, 1], shape (n, 16): bets against "E[value | past] <= most", 0 < most < 1."""
    return _gains(2.0 * values - 1.0, 2.0 * most - 1.0)


def wealth(sums: Floats) -> Floats:
    """Give log K = logsumexp_j(ln w_j + L_j) over the last axis: the capital of the sixteen together."""
    shares = sums + _LOG_SHARES
    top: Floats = shares.max(axis=-1)
    mixed: Floats = np.log(np.exp(shares - top[..., None]).sum(axis=-1)) + top
    return mixed


def total(table: Floats, counts: Iterable[tuple[int, int]]) -> Floats:
    """Give L_j, shape (16,), of sparse counts `(bin, n)`: a sum, so neither order nor grouping matters."""
    pairs = list(counts)
    if not pairs:
        return np.zeros(BETS)
    bins, n = zip(*pairs, strict=True)
    summed: Floats = np.asarray(n, dtype=np.float64) @ table[list(bins)]
    return summed


def lower_bound(counts: Iterable[tuple[int, int]], log_threshold: float, scale: float = 1.0) -> float:
    """Give sup{m : log K(m) >= log_threshold}: E[D] lies above it but for a chance of exp(-log_threshold).

    Of D before it was divided by `scale`. By bisection (log K falls in m), to 1e-6 of that. -1 where nothing is
    proven.
    """
    pairs = list(counts)
    if not pairs:
        return -1.0
    bins, n = (np.asarray(column, dtype=np.float64) for column in zip(*pairs, strict=True))
    d = np.clip((bins - reach(scale)) / (SCALE * scale), -1.0, 1.0)
    low, high = -1.0 + 1e-9, 1.0 - 1e-9
    while high - low > 1e-6:  # noqa: PLR2004 - the precision that the docstring promises
        middle = (low + high) / 2
        proven = wealth(n @ _gains(d, middle)) >= log_threshold
        low, high = (middle, high) if proven else (low, middle)
    return max(-1.0, low * scale) if low > -1.0 + 1e-6 else -1.0


def detect(state: Floats, steps: Floats) -> Floats:
    """Run the Shiryaev-Roberts recursion log R <- log(R + 1) + log f, in log space, all steps at once.

    `state` (16,) is log R so far (-inf at the start), `steps` (n, 16) the log f of n observations in order;
    gives the n states, shape (n, 16). In closed form R_t = exp(S_t) (R_0 + sum_{s<t} exp(-S_s)).
    """
    sums = np.cumsum(steps, axis=0)
    before = np.vstack([np.zeros((1, BETS)), sums[:-1]])
    start = np.logaddexp(state, 0.0)[None, :]
    grown = np.logaddexp.accumulate(np.vstack([start, -before[1:]]), axis=0)
    states: Floats = grown + sums
    return states


def _gains(d: Floats, m: float) -> Floats:
    table: Floats = np.log1p(_C[None, :] * ((d - m) / (1.0 + m))[:, None])
    return table
