"""Makes identities. Knows nothing about what they identify."""

from __future__ import annotations

import hashlib
import os
import time

_NS_PER_MS = 1_000_000


def new_id() -> str:
    """Return a UUIDv7 in canonical text form; ids made later sort later (resolution 244 ns)."""
    return _uuid7(time.time_ns(), os.urandom(8))


def id_of(ts: float, *parts: bytes) -> str:
    """Return the UUIDv7 that these parts have at that time (Unix seconds): the same each time it is asked for."""
    return _uuid7(max(0, round(ts * 1e9)), bytes.fromhex(digest(*parts))[:8])


def _uuid7(ns: int, low: bytes) -> str:
    ms, rest = divmod(ns, _NS_PER_MS)
    fraction = (rest << 12) // _NS_PER_MS  # RFC 9562 section 6.2, method 3
    tail = int.from_bytes(low, "big") & ((1 << 62) - 1)
    value = (ms & ((1 << 48) - 1)) << 80 | 0x7 << 76 | fraction << 64 | 0b10 << 62 | tail
    text = f"{value:032x}"
    return f"{text[:8]}-{text[8:12]}-{text[12:16]}-{text[16:20]}-{text[20:]}"


def digest(*parts: bytes) -> str:
    """Return the SHA-256 of the parts as 64 hex digits.

    Several parts are length-prefixed, so that ("ab", "c") and ("a", "bc") differ; one part is
    hashed as it is, so the result equals that of `sha256sum`.
    """
    if len(parts) == 1:
        return hashlib.sha256(parts[0]).hexdigest()
    state = hashlib.sha256()
    for part in parts:
        state.update(len(part).to_bytes(8, "big"))
        state.update(part)
    return state.hexdigest()
