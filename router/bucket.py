"""Where a unit falls in [0, 1), for ever the same. Knows no route, no share and no state.

A hash, not a die: every gateway worker gives one answer, a conversation stays where it is, and a share that
grows keeps all whom it had (the assignments of a ramp are nested).
"""

from __future__ import annotations

import hashlib

_BITS = 53  # of a double's mantissa: the quotient is exact and always below 1


def position(salt: str, task: str, unit: str) -> float:
    """Give u = SHA-256(salt, task, unit) / 2^256, cut to 53 bits: in [0, 1)."""
    return _fraction("assign", salt, task, unit)


def draw(salt: str, call_id: str) -> float:
    """Give the number in [0, 1) that decides whether a call is paired; independent of its position."""
    return _fraction("pair", salt, call_id)


def resalted(salt: str) -> str:
    """Give the salt of the trial that follows: as hard to guess as this one, and the same for whoever asks."""
    return hashlib.sha256(f"trial:{salt}".encode()).hexdigest()[:32]


def _fraction(*parts: str) -> float:
    digest = hashlib.sha256()
    for part in parts:
        data = part.encode("utf-8", "surrogatepass")
        digest.update(len(data).to_bytes(8, "big") + data)  # length first: no two lists of parts collide
    return (int.from_bytes(digest.digest()[:8], "big") >> (64 - _BITS)) / (1 << _BITS)
