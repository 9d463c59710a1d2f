"""Which answers a judge is asked about, and which of them together. Pure: knows no log and no judge.

Both halves of a pair are scored in one comparison, so that neither has a scale of its own.
"""

from __future__ import annotations

import hashlib
from collections import defaultdict
from collections.abc import Sequence
from typing import Any

from distiller.scoring import message as read
from store.vocabulary import Exchange

WAIT_S = 120.0  # one half waits so long for the other; then it is graded alone


def together(drawn: Sequence[Exchange], now: float) -> list[Exchange]:
    """Return, of calls that drew a pair, the answers whose other half is there or will not come."""
    halves: dict[str, set[str]] = defaultdict(set)
    for exchange in drawn:
        halves[exchange.call_id].add(exchange.who)
    return [e for e in drawn if len(halves[e.call_id]) > 1 or e.ts <= now - WAIT_S]


def rivals(found: Sequence[Exchange]) -> dict[str, dict[str, Any]]:
    """Return the message of the other half, by attempt, where there is one."""
    calls: dict[str, dict[str, Exchange]] = defaultdict(dict)
    for exchange in found:
        calls[exchange.call_id][exchange.who] = exchange
    named: dict[str, dict[str, Any]] = {}
    for one in found:
        others = [e for who, e in calls[one.call_id].items() if who != one.who]
        message = read.of_completion(others[0].answer) if others else None
        if message is not None:
            named[one.attempt_id] = message
    return named


def sampled(call_id: str, share: float) -> bool:
    """Tell whether a call outside pairs is judged; the same for the same call."""
    return _draw(call_id) < share


def audited(call_id: str, share: float) -> bool:
    """Tell whether a person is asked about a judged call, both halves of a pair alike; whatever else was drawn."""
    return _draw(f"gold {call_id}") < share


def _draw(text: str) -> float:
    return int.from_bytes(hashlib.sha256(text.encode()).digest()[:6]) / 2**48
