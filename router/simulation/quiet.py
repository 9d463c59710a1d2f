"""A short cut through SHADOW: how many pairs bring no decision. Decides nothing; `router.policy` does.

In SHADOW all pairs are of one step and one server, and here of no slice, so that three sums over columns say where something may happen, a
hundred times as fast as observations one by one. `router.scan` begins again at the last quiet pair; a test plays both.
"""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np

from router import betting
from router.betting import Floats
from router.counts import Cell, Place, Sparse
from router.evidence import Evidence
from router.figures import SHARED, bars
from router.settings import STEPS, RolloutPolicy
from store.vocabulary import Rollout, State, Stream, Who

_SLACK = 1e-6  # in log wealth: the sums here add in another order


def quiet(rollout: Rollout, policy: RolloutPolicy, d: Floats, first: int) -> tuple[int, Evidence]:
    """Give how many of the first pairs of SHADOW bring no decision, and the evidence that they make.

    `d` are differences in multiples of 1/1000, `first` the sequence of the first of them.
    """
    bar, n = bars(rollout, policy), len(d)
    bins = np.rint(d * betting.SCALE).astype(np.int64) + betting.SCALE
    hope, doubt = betting.gains(-rollout.delta)[bins], betting.losses(rollout.delta)[bins]
    late = betting.detect(np.full(betting.BETS, -math.inf), doubt)
    unseen = 2 * len(STEPS[1:]) * math.exp(-bar.harm_live)  # added by the other tests, at a wealth of 1
    loud = betting.wealth(np.cumsum(doubt, axis=0)) >= bar.harm_shadow + math.log1p(-unseen) - _SLACK
    loud |= betting.wealth(late) - SHARED >= bar.late - _SLACK
    seen = np.arange(1, n + 1)
    loud |= (betting.wealth(np.cumsum(hope, axis=0)) >= bar.promote - _SLACK) & (
        seen >= policy.minima[State.SHADOW]
    )
    loud |= seen >= policy.caps[State.SHADOW]
    still = int(np.argmax(loud)) if loud.any() else n
    evidence = Evidence(delta=rollout.delta)
    if still:
        counts = _counts(bins[:still])
        cell = Cell(down=counts, up=counts, paired=still, calls=still / policy.shadow, first=first)
        place = Place(str(Stream.SCORE), str(State.SHADOW), str(Who.TEACHER))
        evidence = replace(evidence, cells={place: cell}, late=tuple(late[still - 1].tolist()))
    return still, evidence


def _counts(bins: np.ndarray[tuple[int], np.dtype[np.int64]]) -> Sparse:
    values, n = np.unique(bins, return_counts=True)
    return tuple(zip(values.tolist(), n.tolist(), strict=True))
