"""What is kept of a long answer that nobody here understands. Pure; knows no record.

The vectors of an embeddings call are long and worth nothing in a log; what they cost stands in a short member
beside them.
"""

from __future__ import annotations

import msgspec

_LONG = 4096  # bytes of a member that goes


def excerpt(body: bytes, most: int) -> bytes:
    """Give at most `most` bytes: all, else a JSON object without its long members, else the beginning."""
    if len(body) <= most:
        return body
    try:
        members = msgspec.json.decode(body, type=dict[str, msgspec.Raw])
    except (msgspec.DecodeError, RecursionError):
        return body[:most]
    kept = msgspec.json.encode({name: text for name, text in members.items() if len(text) <= _LONG})
    return kept if len(kept) <= most else body[:most]
