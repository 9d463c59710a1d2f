"""The phase `drain`: waits until the log has all that the journal had. Takes nothing away."""

from __future__ import annotations

from pathlib import Path

from stillhouse.erasure.scene import Scene
from stillhouse.erasure.ticket import Ticket
from store.control import Erasure
from store.journal import segment
from store.journal.frame import HEADER_BYTES
from store.log import CallFilter

LONGEST_S = (
    1800.0  # after which a call that is still open, or a segment that cannot be loaded, is left to the proof
)
_MOST_OPEN = 10_000


def segments(scene: Scene) -> tuple[str, ...]:
    """Return the segments that hold records now. One without any is not rolled before it has its first."""
    folder = scene.folder.journal
    return tuple(name for name in segment.names(folder) if _bytes(folder / name) > HEADER_BYTES)


def waits(scene: Scene, erasure: Erasure, ticket: Ticket) -> bool:
    """Tell whether something of the subject is on its way into the log."""
    if scene.now() > erasure.asked + LONGEST_S:
        return False
    there = set(segment.names(scene.folder.journal)).intersection(ticket.segments)
    return bool(there) or _open(scene, erasure, ticket)


def _open(scene: Scene, erasure: Erasure, ticket: Ticket) -> bool:
    """Tell whether a call of the subject has no answer yet: it would come into the log after the call is gone."""
    wanted = CallFilter(outcome="open", until_ts=erasure.asked, limit=_MOST_OPEN)
    under_way = {row.call_id for row in scene.log.calls(wanted).rows}
    return bool(under_way) and not under_way.isdisjoint(scene.log.subject(ticket.subject))


def _bytes(path: Path) -> int:
    try:
        return path.stat().st_size
    except FileNotFoundError:
        return 0  # loaded and deleted meanwhile
