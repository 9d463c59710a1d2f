"""Makes identities. Knows nothing about what they identify."""

from __future__ import annotations

import hashlib
import os
import time

_NS_PER_MS = 1_000_000
_DRAWN = 256  # random ends of ids that are drawn at once: to ask the kernel takes longer than all else here
_ENDS: list[str] = []
os.register_at_fork(after_in_child=_ENDS.clear)


def new_id() -> str:
    """Return a UUIDv7 in canonical text form; ids made later sort later (resolution 244 ns)."""
    try:
        end = _ENDS.pop()
    except IndexError:
        end = _drawn()
    return _begun(time.time_ns()) + end


def id_of(ts: float, *parts: bytes) -> str:
    """Return the UUIDv7 that these parts have at that time (Unix seconds): the same each time it is asked for."""
    return _begun(max(0, round(ts * 1e9))) + _end(bytes.fromhex(digest(*parts))[:8])


def _begun(ns: int) -> str:
    """Give the half that is of the time, with the dash after it."""
    ms, rest = divmod(ns, _NS_PER_MS)
    fraction = (rest << 12) // _NS_PER_MS  # RFC 9562 section 6.2, method 3
    text = f"{ms & ((1 << 48) - 1):012x}"
    return f"{text[:8]}-{text[8:]}-7{fraction:03x}-"


def _end(low: bytes) -> str:
    """Give the half that is of 8 other bytes, less the two bits of the variant."""
    text = f"{0b10 << 62 | int.from_bytes(low, 'big') & ((1 << 62) - 1):016x}"
    return f"{text[:4]}-{text[4:]}"


def _drawn() -> str:
    """Draw ends anew, and give one of them."""
    drawn = os.urandom(8 * _DRAWN)
    first, *others = [_end(drawn[at : at + 8]) for at in range(0, len(drawn), 8)]
    _ENDS.extend(others)
    return first


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
