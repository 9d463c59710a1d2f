"""Frames records in bytes and finds them again. Knows nothing of files, locks or what a record says.

    segment = header, frame*
    header  = magic "SHJ1", schema version u16, 6 bytes of zero, crc32 u32 of these 12
    frame   = length u32, crc32 u32, kind u8, id 16 bytes, payload (length bytes of msgpack)

Integers are little-endian. The checksum covers the length and everything after itself. The id is the
record's own UUID (a hash of an id that is none), so a record can be named without decoding it.
"""

from __future__ import annotations

import hashlib
import re
import struct
import uuid
import zlib
from collections.abc import Iterator
from dataclasses import dataclass

import msgspec

from store.errors import SchemaTooNew, StoreError
from store.vocabulary import Attempt, Call, Feedback, Tally

SCHEMA = 1
MAX_PAYLOAD = 256 << 20  # bytes; a longer length can only be damage

_MAGIC = b"SHJ1"
_HEADER = struct.Struct("<4sH6xI")
_FRAME = struct.Struct("<IIB16s")
_BEGUN = struct.Struct("<IIB")  # the same up to the id
_CHECKED = struct.Struct("<IB16s")  # the same without the checksum
HEADER_BYTES = _HEADER.size
FRAME_BYTES = _FRAME.size
_CRC_FROM = 8  # the checksum starts after itself
_KIND_AT = 8

Record = Call | Attempt | Feedback
_TALLY = 4
_DECODERS: dict[int, msgspec.msgpack.Decoder[Record | Tally]] = {
    1: msgspec.msgpack.Decoder(Call),
    2: msgspec.msgpack.Decoder(Attempt),
    3: msgspec.msgpack.Decoder(Feedback),
    _TALLY: msgspec.msgpack.Decoder(Tally),
}
_ENCODER = msgspec.msgpack.Encoder()
_CANONICAL = re.compile("[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}")  # as our own ids are
_MAYBE_KIND = re.compile(b"[\x01-\x04]")
# What a value can bring about that no payload holds: an int beyond 64 bits, a lone surrogate, a foreign type.
_UNWRITABLE = (msgspec.MsgspecError, TypeError, ValueError, OverflowError, RecursionError)


class Frame(msgspec.Struct, frozen=True, gc=False):
    """One whole, checked frame. Made by the thousands: the collector has nothing to look for in it."""

    kind: int
    raw: bytes  # as it stands in the segment: FRAME_BYTES of head, then the payload

    def record(self) -> Record | Tally:
        """Decode the payload; StoreError where it is not the record it claims to be."""
        try:
            return _DECODERS[self.kind].decode(memoryview(self.raw)[FRAME_BYTES:])
        except (msgspec.MsgspecError, KeyError, ValueError, RecursionError) as error:
            raise StoreError(f"A journal frame holds no readable record: {error}") from error


@dataclass(frozen=True, slots=True)
class Head:
    """What the head of a frame says, unchecked."""

    bytes: int  # of the whole frame
    counts: bool  # whether it claims to hold a record, not a tally


@dataclass(frozen=True, kw_only=True, slots=True)
class Scan:
    """What a stretch of a segment holds."""

    frames: tuple[Frame, ...]
    end: int  # bytes consumed; what follows is an unfinished frame
    corrupt: int  # stretches of damage that were skipped


def header() -> bytes:
    """Return the first bytes of a segment."""
    plain = _HEADER.pack(_MAGIC, SCHEMA, 0)[:-4]
    return plain + zlib.crc32(plain).to_bytes(4, "little")


def header_sound(data: bytes, name: str) -> bool:
    """Whether a segment's header is undamaged; SchemaTooNew for one of a later program."""
    if len(data) < HEADER_BYTES:
        return False
    magic, version, crc = _HEADER.unpack_from(data)
    if magic != _MAGIC or crc != zlib.crc32(data[: HEADER_BYTES - 4]):
        return False
    if version > SCHEMA:
        raise SchemaTooNew(f"{name} has journal schema {version}; this program knows up to {SCHEMA}.")
    return True


def encode(record: Record | Tally) -> bytes:
    """Return the record as one frame; StoreError where no frame can hold it."""
    kind, name = _identity(record)
    try:
        payload = _ENCODER.encode(record)
    except _UNWRITABLE as error:
        raise StoreError(f"A record cannot be written to the journal: {error}.") from error
    if len(payload) > MAX_PAYLOAD:
        raise StoreError(f"A record of {len(payload)} bytes is too long for the journal.")
    crc = zlib.crc32(payload, zlib.crc32(_CHECKED.pack(len(payload), kind, name)))
    return b"".join((_FRAME.pack(len(payload), crc, kind, name), payload))


def scan(data: bytes, *, final: bool) -> Scan:
    """Find the frames in `data`, which starts at the boundary of one.

    Damage is skipped where a sound frame follows it. What has no sound frame behind it may be a
    write in progress and is left for later, unless nothing will be appended any more (`final`):
    then it is a torn end that was never acknowledged, or damage; consumed and counted.
    """
    frames: list[Frame] = []
    position, corrupt, size = 0, 0, len(data)
    view = memoryview(data)
    while position < size:
        end = _frame_end(data, position)
        if end is not None and end <= size and _sound(view, position, end):
            frames.append(Frame(data[position + _KIND_AT], data[position:end]))
            position = end
            continue
        unfinished = size - position < FRAME_BYTES or (end is not None and end > size)
        found = None if unfinished and not final else _resume(data, position, end)
        if found is None and not final:
            break
        corrupt += 1
        position = size if found is None else found
    return Scan(frames=tuple(frames), end=position, corrupt=corrupt)


def head_of(data: bytes) -> Head | None:
    """Read the first bytes of a frame; None where they are too few, or the head of none."""
    end = _frame_end(data, 0)
    return None if end is None else Head(end, counts=data[_KIND_AT] != _TALLY)


def _identity(record: Record | Tally) -> tuple[int, bytes]:
    match record:
        case Call():
            return 1, _name(record.call_id)
        case Attempt():
            return 2, _name(record.attempt_id)
        case Feedback():
            return 3, _name(record.feedback_id)
        case Tally():
            return _TALLY, _name(record.tally_id)


def _name(text: str) -> bytes:
    if _CANONICAL.fullmatch(text):
        return bytes.fromhex(text.replace("-", ""))
    try:
        return uuid.UUID(text).bytes
    except ValueError:
        return hashlib.sha256(text.encode()).digest()[:16]  # an id from elsewhere


def _frame_end(data: bytes, position: int) -> int | None:
    """Return where the frame at `position` would end; None where its head cannot be one."""
    if len(data) - position < FRAME_BYTES:
        return None
    length, _, kind = _BEGUN.unpack_from(data, position)
    if kind not in _DECODERS or length > MAX_PAYLOAD:
        return None
    return int(position + FRAME_BYTES + length)


def _sound(view: memoryview, position: int, end: int) -> bool:
    _, crc, _ = _BEGUN.unpack_from(view, position)
    seen = zlib.crc32(view[position + _CRC_FROM : end], zlib.crc32(view[position : position + 4]))
    return bool(seen == crc)


def _resume(data: bytes, position: int, end: int | None) -> int | None:
    """Find the next sound frame after damage at `position`: by its length, else by looking."""
    candidates = _candidates(data, position) if end is None else _chain([end], _candidates(data, position))
    view = memoryview(data)
    for candidate in candidates:
        after = _frame_end(data, candidate)
        if after is not None and after <= len(data) and _sound(view, candidate, after):
            return candidate
    return None


def _chain(first: list[int], rest: Iterator[int]) -> Iterator[int]:
    yield from first
    yield from rest


def _candidates(data: bytes, position: int) -> Iterator[int]:
    for match in _MAYBE_KIND.finditer(data, position + 1 + _KIND_AT):
        yield match.start() - _KIND_AT
