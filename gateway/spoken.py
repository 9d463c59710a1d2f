"""What a record says of a websocket that was open. Pure; knows no connection."""

from __future__ import annotations

import msgspec

from gateway.frames import IDLE, UNSAID, End, Line
from gateway.upstream.port import CUT
from store.vocabulary import Outcome

STOPPED = End(by="gateway", code=1012)  # also what servers say to open websockets in our place
_NORMAL = (1000, 1001, UNSAID)


def outcome(end: End) -> Outcome:
    """Give the one outcome of an end."""
    if end == IDLE:
        return Outcome.TIMEOUT
    if end.code == STOPPED.code and end.by != "upstream":
        return Outcome.LOST
    if end.code in _NORMAL:
        return Outcome.COMPLETE
    if end.by == "app":
        return Outcome.CLIENT_ABORT
    return Outcome.UPSTREAM_CUT if end.code == CUT else Outcome.ERROR


def error(end: End) -> str | None:
    """Say in a sentence what went wrong, without the other side's words."""
    if end == IDLE:
        return "Nothing was said for too long."
    if end.code in _NORMAL:
        return None
    return f"The websocket was ended by the {end.by} with {end.code}."


def summary(line: Line, end: End) -> bytes:
    """Give what stands in the record for the messages: how many they were, and how it ended, as JSON."""
    said = {
        "object": "websocket",
        "subprotocol": line.socket.subprotocol,
        "from_app": {"messages": line.of_app.messages, "bytes": line.of_app.bytes},
        "from_upstream": {"messages": line.of_upstream.messages, "bytes": line.of_upstream.bytes},
        "ended_by": end.by,
        "code": end.code,
        "reason": end.reason,
    }
    return msgspec.json.encode(said)
