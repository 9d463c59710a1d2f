"""Which events of a chat stream tell more than words: how it ends, what it used, an error. Pure; reads no JSON.

An answer's outcome needs these events only; the others are most of a stream.
"""

from __future__ import annotations

# Of each name: as it is written, and as it is written where it says nothing.
_NAMES = tuple((b'"%b"' % name, b'"%b":null' % name) for name in (b"finish_reason", b"refusal", b"usage"))
_ALWAYS = (b'"error"', b'"response.failed"', b"\\u00")  # the last may be a letter of a name


def tells(data: bytes) -> bool:
    """Tell whether the data of an event may say more than words; False is never wrong."""
    for name, nothing in _NAMES:
        found = data.count(name)
        if found and found != data.count(nothing):
            return True
    return any(word in data for word in _ALWAYS)
