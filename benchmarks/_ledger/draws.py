"""Random sizes and identities. Knows no meaning."""

from __future__ import annotations

import math
import random


def between(bounds: tuple[int, int], rng: random.Random) -> int:
    """Return a number between two, evenly on a log scale: small ones are commoner."""
    low, high = (math.log(bound) for bound in bounds)
    return int(math.exp(low + (high - low) * rng.random()))


def id_at(ts: float, rng: random.Random) -> str:
    """Return a UUIDv7 of a simulated time; `store.ids.new_id` knows the present only."""
    high, low = rng.getrandbits(12), rng.getrandbits(62)
    text = f"{int(ts * 1000) << 80 | 0x7 << 76 | high << 64 | 0b10 << 62 | low:032x}"
    return f"{text[:8]}-{text[8:12]}-{text[12:16]}-{text[16:20]}-{text[20:]}"
