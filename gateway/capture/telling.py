"""Which events of a chat stream tell more than words: how it ends, what it used, an error. Pure; reads no JSON.

An answer's outcome needs these events only; the others are most of a stream.
"""

from __future__ import annotations

Mark = tuple[bytes, bytes]  # a name as it is written, and as it is written where it says nothing

_NAMED: tuple[Mark, ...] = tuple(
    (b'"%b"' % name, b'"%b":null' % name) for name in (b"finish_reason", b"refusal", b"usage")
)
_ALWAYS = (b'"error"', b'"response.failed"', b"\\u00")  # the last may be a letter of a name
_MARKS = (*_NAMED, *((word, word + b"\0") for word in _ALWAYS))  # no JSON has the byte


def marks(stream: bytes) -> tuple[Mark, ...]:
    """Give what to look for in the events of a stream: what says something in none of them is not among it."""
    return tuple(mark for mark in _MARKS if tells(stream, (mark,)))


def tells(data: bytes, among: tuple[Mark, ...]) -> bool:
    """Tell whether the data of an event may say more than words; False is never wrong."""
    for name, nothing in among:
        found = data.count(name)
        if found and found != data.count(nothing):
            return True
    return False
