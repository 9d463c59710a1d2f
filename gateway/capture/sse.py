"""Server-sent events, as the WHATWG describes their parsing. Knows no model and no JSON.

Source: https://html.spec.whatwg.org/multipage/server-sent-events.html#event-stream-interpretation
"""

from __future__ import annotations

import re
from collections.abc import Iterator

import msgspec

_EVENT_END = re.compile(rb"\r\n\r\n|\n\n|\r\r")


class Event(msgspec.Struct, frozen=True, gc=False):
    """One event that carries data; comments and bare fields make none."""

    name: str
    data: bytes


def events(body: bytes) -> Iterator[Event]:
    """Give the events of a whole stream. An unfinished event at its end is given too: it was sent."""
    name = ""
    data: list[bytes] = []
    for line in body.removeprefix(b"\xef\xbb\xbf").splitlines():  # of bytes: at \r\n, \n and \r, nowhere else
        if not line:
            if data:
                yield Event(name, b"\n".join(data))
            name, data = "", []
            continue
        key, _, value = line.partition(b":")
        value = value.removeprefix(b" ")
        if key == b"data":
            data.append(value)
        elif key == b"event":
            name = value.decode("utf-8", "replace")
    if data:
        yield Event(name, b"\n".join(data))


def data(body: bytes) -> Iterator[bytes]:
    """Give what `events` gives, without the names; faster where a stream is written as most are."""
    plain = body.split(b"\n\n") if b"\r" not in body and not body.startswith(b"\xef\xbb\xbf") else ()
    if plain and all(block.startswith(b"data: ") and b"\n" not in block for block in plain[:-1]):
        for block in plain[:-1]:
            yield block[6:]
        body = plain[-1]
    for event in events(body):
        yield event.data


def split(buffer: bytes) -> tuple[list[bytes], bytes]:
    """Cut `buffer` after each blank line: whole blocks as they stand, and the unfinished rest."""
    blocks = []
    at = 0
    for match in _EVENT_END.finditer(buffer):
        blocks.append(buffer[at : match.end()])
        at = match.end()
    return blocks, buffer[at:]
