"""Reads what a segment of the journal got since the last look. Knows no log but its offsets."""

from __future__ import annotations

import logging
import os
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import msgspec

from store.errors import StoreError
from store.journal import frame
from store.journal.counts import possible
from store.journal.frame import Frame, Record
from store.journal.segment import sealed
from store.log.load import Offset
from store.vocabulary import Tally

_log = logging.getLogger(__name__)

CHUNK = 16 << 20  # bytes of one segment read at a time


class Entry(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """One record, and the frame that it was read from."""

    record: Record
    frame: Frame
    segment: str


@dataclass(frozen=True, kw_only=True, slots=True)
class Read:
    """What one look at a segment found."""

    start: int  # bytes of the segment that were loaded before
    offset: Offset  # after it
    entries: tuple[Entry, ...]
    tallies: tuple[Tally, ...]
    unreadable: tuple[Frame, ...]  # sound frames that hold no record; counted in `offset.corrupt`
    taken: int  # bytes
    whole: bool  # nothing is left of the segment for now


def read(folder: Path, known: Offset) -> Read:
    """Read on from an offset, at least one frame if there is one. Raises SchemaTooNew."""
    start = known.position
    handle = os.open(folder / known.segment, os.O_RDONLY | os.O_CLOEXEC)
    try:
        closed = sealed(handle)  # before the size: nothing is appended to it after
        size = os.fstat(handle).st_size
        if known.position == 0:
            known = _begin(handle, known)
        want = CHUNK
        while True:
            data = os.pread(handle, min(want, max(0, size - known.position)), known.position)
            last = known.position + len(data) >= size
            found = frame.scan(data, final=closed and last)
            if found.end or last:
                break
            want *= 2  # a frame longer than the chunk
    finally:
        os.close(handle)
    entries, tallies, unreadable = _decode(found.frames, known.segment)
    offset = replace(
        known.counting([*(entry.record for entry in entries), *tallies]),
        position=known.position + found.end,
        corrupt=known.corrupt + found.corrupt + len(unreadable),
        sealed=closed and known.position + found.end >= size,
    )
    return Read(
        start=start,
        offset=offset,
        entries=tuple(entries),
        tallies=tuple(tallies),
        unreadable=tuple(unreadable),
        taken=len(data),
        whole=offset.position >= size,
    )


def _begin(handle: int, known: Offset) -> Offset:
    head = os.pread(handle, frame.HEADER_BYTES, 0)
    damaged = not frame.header_sound(head, known.segment)
    return replace(known, position=min(frame.HEADER_BYTES, len(head)), corrupt=known.corrupt + int(damaged))


def _decode(frames: Sequence[Frame], segment: str) -> tuple[list[Entry], list[Tally], list[Frame]]:
    entries: list[Entry] = []
    tallies: list[Tally] = []
    unreadable: list[Frame] = []
    for item in frames:
        try:
            record = item.record()
        except StoreError as error:
            unreadable.append(item)
            _log.warning("%s: %s", segment, error)
            continue
        if isinstance(record, Tally):
            if possible(record):
                tallies.append(record)
            else:
                unreadable.append(item)
        else:
            entries.append(Entry(record=record, frame=item, segment=segment))
    return entries, tallies, unreadable
