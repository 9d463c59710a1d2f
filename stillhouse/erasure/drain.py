"""The phase `drain`: waits until the log has all that the journal had. Takes nothing away."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

from stillhouse.erasure.scene import Scene
from stillhouse.erasure.ticket import Ticket
from store.control import Erasure
from store.journal import segment
from store.journal.frame import HEADER_BYTES
from store.log import CallFilter, CallRow
from store.vocabulary import Pairing

LONGEST_S = (
    1800.0  # after which a call that is still open, or a segment that cannot be loaded, is left to the proof
)
PAIR_S = 600.0  # after which the other half of a pair does not come any more
_HALVES = 2  # attempts of a pair
_PAGE = 1_000


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
    """Tell whether an answer to a call of the subject may still come: into the log, after the call is gone.

    That is a call without one, and one that drew a pair of which the other half is not there.
    """
    before = CallFilter(until_ts=erasure.asked, limit=_PAGE)
    since = scene.now() - PAIR_S
    under_way = {row.call_id for row in _rows(scene, replace(before, outcome="open"))}
    under_way |= {
        row.call_id
        for row in _rows(scene, replace(before, since_ts=since))
        if row.pairing != Pairing.NONE and row.attempts < _HALVES
    }
    return bool(under_way) and not under_way.isdisjoint(scene.log.subject(ticket.subject))


def _rows(scene: Scene, wanted: CallFilter) -> Iterator[CallRow]:
    before_seq: int | None = None
    while True:
        page = scene.log.calls(replace(wanted, before_seq=before_seq))
        yield from page.rows
        if page.next_seq is None:
            return
        before_seq = page.next_seq


def _bytes(path: Path) -> int:
    try:
        return path.stat().st_size
    except FileNotFoundError:
        return 0  # loaded and deleted meanwhile
