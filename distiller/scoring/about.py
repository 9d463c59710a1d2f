"""Says of a call that the house makes itself which logged calls' words are in it: an erasure finds it by them."""

from __future__ import annotations

from collections.abc import Sequence

HEADER = "x-stillhouse-calls"  # as the loopback reads it
MOST = 500  # ids: what more calls than that have in common is nobody's own


def about(call_ids: Sequence[str]) -> dict[str, str]:
    """Return the headers of a request."""
    named = ",".join([call_id for call_id in call_ids if call_id][:MOST])
    return {HEADER: named} if named else {}
