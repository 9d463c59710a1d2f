"""Parts a chat request's body that is laid out plainly, most of it in C. Knows no other layout: then it gives None.

Plain is what a JSON writer writes: no key twice, no key with escapes, and between the members, as between
the messages, "," and ":" alone or each with one space. That is not looked for but held against the values
that msgspec finds. A body that is as long as its keys, values and single marks has nothing else; one with
spaces is put together again and compared. Then where each part lies follows from the lengths.

Heads recur: what is hashed of one is kept by its raw pieces.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import msgspec

from store.prompt import HEAD_KEYS, Split, cut, head_hash, joint_hash, leads, prompt_hash

_TIGHT, _SPACED = 1, 2  # bytes of each mark between keys, values and members
_BRACKET = ord("[")
_HEADS = 256  # heads that are kept
_KEPT_CHARACTERS = 1 << 16  # of a head: a longer one is hashed anew each time
_KEYS = frozenset(HEAD_KEYS)

_members = msgspec.json.Decoder(dict[str, msgspec.Raw]).decode
_elements = msgspec.json.Decoder(list[msgspec.Raw]).decode
_decode = msgspec.json.Decoder().decode


class _Message(msgspec.Struct):
    role: Any = None


_message = msgspec.json.Decoder(_Message).decode


@dataclass(frozen=True, kw_only=True, slots=True)
class _Head:
    """What follows from the pieces of a head."""

    head_hash: str
    prompt_hash: str


class _Layout(msgspec.Struct):
    """Where the members of a plain body lie."""

    spans: list[tuple[int, int]] = []  # of the head's pieces, bytes
    names: list[str] = []  # of the member that each of them is of
    rest: list[bytes] = []  # the members, or what is left of them, that have no part in it, with their keys


def split(body: bytes) -> Split | None:
    """Part a plain body; None for any other, be it one that can be parted or not."""
    try:
        layout = _layout(body)
        return None if layout is None else _split(body, layout)
    except (ValueError, OverflowError, RecursionError):
        return None


def _split(body: bytes, layout: _Layout) -> Split:
    text = body.decode()
    spans: Iterable[tuple[int, int]] = layout.spans
    if not text.isascii():
        spans = [(len(body[:start].decode()), len(body[:end].decode())) for start, end in spans]
    tail, cuts, pieces = cut(text, spans)
    remember = sum(map(len, pieces)) <= _KEPT_CHARACTERS
    head = (_head if remember else _head.__wrapped__)(tuple(layout.names), pieces)
    return Split(
        head_hash=head.head_hash,
        prompt_hash=head.prompt_hash,
        pieces=pieces,
        cuts=cuts,
        tail=tail,
        input_hash=joint_hash(head.head_hash, _decode(b"{%s}" % b",".join(layout.rest))),
    )


@lru_cache(maxsize=_HEADS)
def _head(names: tuple[str, ...], pieces: tuple[str, ...]) -> _Head:
    found = [(name, _decode(piece)) for name, piece in zip(names, pieces, strict=True)]
    messages = [value for name, value in found if name == "messages"]
    hashed = head_hash({"messages": messages, **{name: value for name, value in found if name != "messages"}})
    return _Head(head_hash=hashed, prompt_hash=prompt_hash(hashed, pieces))


def _layout(body: bytes) -> _Layout | None:
    members = _members(body)
    size = sum(map(len, members)) + len(b'""') * len(members) + sum(map(len, members.values()))
    gap = _gap(len(body) - size, 2 * len(members) - 1)
    if gap is None or (gap == _SPACED and not _spelled(body, members)):
        return None
    layout = _Layout()
    position = 1  # behind the brace
    for name, raw in members.items():
        start = position + len(name) + len(b'""') + gap
        end = start + len(raw)
        if name == "messages" and body[start] == _BRACKET:
            if not _messages(body[start:end], start, layout):
                return None
        elif name in _KEYS and body[start:end] != b"null":
            layout.spans.append((start, end))
            layout.names.append(name)
        else:
            layout.rest.append(body[position:end])
        position = end + gap
    return layout


def _gap(rest: int, marks: int) -> int | None:
    """Return the length of each mark where so many of equal length fill what the values leave, beside two brackets.

    A key that is spelled longer than it reads leaves more, and is not taken for marks: fewer bytes than the tight
    ones have never been left, and the spaced are compared.
    """
    rest -= len(b"[]")
    if rest == max(0, marks):
        return _TIGHT
    return _SPACED if rest == _SPACED * max(0, marks) else None


def _spelled(body: bytes, members: dict[str, msgspec.Raw]) -> bool:
    pairs = [b'"%s": %s' % (name.encode(), bytes(value)) for name, value in members.items()]
    return body == b"{%s}" % b", ".join(pairs)


def _messages(array: bytes, start: int, layout: _Layout) -> bool:
    """Place the messages of an array that starts there; False where it is not plain."""
    elements = _elements(array)
    gap = _gap(len(array) - sum(map(len, elements)), len(elements) - 1)
    if gap is None or (gap == _SPACED and array != b"[%s]" % b", ".join(map(bytes, elements))):
        return False
    position = 1
    for element in elements:
        if not _leads(element):
            break
        end = position + len(element)
        layout.spans.append((start + position, start + end))
        layout.names.append("messages")
        position = end + gap
    layout.rest.append(b'"messages":[' + array[min(position, len(array) - 1) :])
    return True


def _leads(element: msgspec.Raw) -> bool:
    try:
        return leads(_message(element).role)
    except msgspec.ValidationError:  # no object
        return False
