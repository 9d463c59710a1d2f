"""In which order examples are seen, and in which portions. Pure: the same seed gives the same order.

Knows lengths and ids, no tensors. A resumed run makes the same plan again and goes on in its middle.
"""

from __future__ import annotations

import math
import random
from collections.abc import Sequence

MEGA = 8  # batches whose examples are sorted by length together
SHARE_AT_LEAST = 128  # tokens saved in a batch for which a shared prefix is worth a pass of its own


def plan(lengths: Sequence[int], batch: int, epochs: float, seed: int) -> list[list[int]]:
    """Give the indices of the examples of every optimiser step, over all epochs (a last one may be partial).

    Within a mega-batch examples of like length go together; the batches of an epoch are in random order.
    """
    per_epoch = -(-len(lengths) // batch)
    steps = max(1, round(per_epoch * epochs)) if per_epoch else 0
    order: list[list[int]] = []
    epoch = 0
    while len(order) < steps:
        order += _epoch(lengths, batch, random.Random(f"{seed}/{epoch}"))
        epoch += 1
    return order[:steps]


def _epoch(lengths: Sequence[int], batch: int, rng: random.Random) -> list[list[int]]:
    shuffled = list(range(len(lengths)))
    rng.shuffle(shuffled)
    grouped: list[int] = []
    for start in range(0, len(shuffled), batch * MEGA):
        grouped += sorted(shuffled[start : start + batch * MEGA], key=lambda i: lengths[i])
    batches = [grouped[i : i + batch] for i in range(0, len(grouped), batch)]
    rng.shuffle(batches)
    return batches


def portions(lengths: Sequence[int], budget: int) -> list[list[int]]:
    """Positions split so that no portion, padded to its longest, has more than `budget` tokens.

    A single example longer than the budget is a portion of its own.
    """
    result: list[list[int]] = []
    longest = 0
    for i in sorted(range(len(lengths)), key=lambda i: lengths[i]):
        longest = max(longest, lengths[i])
        if result and longest * (len(result[-1]) + 1) <= budget:
            result[-1].append(i)
        else:
            result.append([i])
            longest = lengths[i]
    return result


def packs(lengths: Sequence[int], common: int, budget: int) -> list[list[int]]:
    """Positions split so that no pack, its first `common` tokens counted once, has more than `budget` tokens.

    A single example longer than the budget is a pack of its own.
    """
    result: list[list[int]] = []
    held = 0
    for i in sorted(range(len(lengths)), key=lambda i: lengths[i]):
        rest = lengths[i] - common
        if result and held + rest <= budget:
            result[-1].append(i)
            held += rest
        else:
            result.append([i])
            held = lengths[i]
    return result


def shared_prefix(prompts: Sequence[Sequence[int]]) -> int:
    """How many leading tokens of the prompts to compute once: all they share, less the last token of any.

    0 when too little would be saved.
    """
    if len(prompts) < 2:  # noqa: PLR2004 - nothing to share with
        return 0
    low, high = (
        min(map(tuple, prompts)),
        max(map(tuple, prompts)),
    )  # in lexical order the outermost two differ first
    limit = min(len(p) for p in prompts) - 1
    same = 0
    while same < limit and low[same] == high[same]:
        same += 1
    return same if same * (len(prompts) - 1) >= SHARE_AT_LEAST else 0


def schedule(step: int, of: int, *, warm_up: float = 0.06, floor: float = 0.05) -> float:
    """Share of the peak learning rate at optimiser step `step` (from 0): linear warm-up, then a cosine."""
    rise = min(1.0, (step + 1) / (warm_up * of + 1))
    return rise * max(floor, 0.5 * (1 + math.cos(math.pi * step / of)))
