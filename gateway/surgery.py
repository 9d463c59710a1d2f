"""Edits of single members of a JSON object, byte for byte elsewhere. Knows no wire format.

All functions take *valid* JSON (the gateway has parsed it before); number spelling, key order, unknown
members and whitespace stay as they were.
"""

from __future__ import annotations

import json
import re
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

_STRING = rb'"[^"\\]*(?:\\.[^"\\]*)*"'
_TOKEN = re.compile(_STRING + rb"|[{}\[\]]", re.DOTALL)
_TEXT = re.compile(_STRING, re.DOTALL)
_SCALAR = re.compile(rb"[^,\]}\s]+")
_SPACE = re.compile(rb"[ \t\n\r]*")
_ONE_KIND = bytes.maketrans(b"{}", b"[]")
_NO_BRACKETS = bytes(set(range(256)) - set(b"{}[]"))


@dataclass(frozen=True, slots=True)
class Span:
    """One member of an object or element of an array: `[start, end)`, the value from `value` on."""

    key: str
    start: int
    value: int
    end: int


def deeper(data: bytes, most: int) -> bool:
    """Tell whether `data` nests brackets and braces in more than `most` levels.

    What is no JSON is never said to be shallower than it is.
    """
    plain = data.replace(b"\\\\", b"").replace(b'\\"', b"") if b"\\" in data else data
    nest = b"".join(plain.split(b'"')[::2]).translate(_ONE_KIND, _NO_BRACKETS)
    for level in range(most + 1):
        outer = nest.replace(b"[]", b"")  # one level less: what it leaves is not looked at again
        if len(outer) == len(nest):
            return level + nest.count(b"[") > most
        nest = outer
    return True


def members(data: bytes, start: int = 0) -> list[Span]:
    """Give the members of the object that begins at or after `start`."""
    return _spans(data, start, keyed=True)


def elements(data: bytes, start: int = 0) -> list[Span]:
    """Give the elements of the array that begins at or after `start`."""
    return _spans(data, start, keyed=False)


def edit(data: bytes, *, replace: Mapping[str, bytes] | None = None, drop: Collection[str] = ()) -> bytes:
    """Set members of the object `data` to the given JSON texts and remove others.

    A member that is not there is added at the front; of a repeated one, every occurrence is set.
    """
    replace = replace or {}
    found = members(data)
    edits = [(span.value, span.end, replace[span.key]) for span in found if span.key in replace]
    edits += [(start, end, b"") for start, end in _removals(found, [span.key in drop for span in found])]
    missing = [key for key in replace if all(span.key != key for span in found)]
    if missing:
        fresh = b",".join(json.dumps(key).encode() + b":" + replace[key] for key in missing)
        opening = data.index(b"{") + 1
        kept = any(span.key not in drop for span in found)
        edits.append((opening, opening, fresh + (b"," if kept else b"")))
    return _apply(data, edits)


def splice(data: bytes, key: str, start: int, stop: int, texts: Sequence[bytes]) -> bytes:
    """Put `texts` in the place of elements [start, stop) of the array under `key` of the object `data`."""
    if start == stop and not texts:
        return data
    edits = []
    for member in members(data):
        if member.key == key:
            found = elements(data, member.value)
            edits += [
                (s, e, b"") for s, e in _removals(found, [start <= i < stop for i in range(len(found))])
            ]
            edits.append(_insertion(member, found, start, stop, texts))
    return _apply(data, edits)


def _insertion(
    array: Span, found: Sequence[Span], start: int, stop: int, texts: Sequence[bytes]
) -> tuple[int, int, bytes]:
    """Give the edit that sets `texts` before the first element that stays behind them, or at the array's end."""
    fresh = b",".join(texts)
    if stop < len(found):
        return found[stop].start, found[stop].start, fresh + b"," * bool(texts)
    at = found[-1].end if found else array.value + 1
    return at, at, (b"," if start and texts else b"") + fresh


def _spans(data: bytes, start: int, *, keyed: bool) -> list[Span]:
    at = _skip(data, _skip(data, start) + 1)
    found = []
    while data[at] not in b"}]":
        first = at
        key = ""
        if keyed:
            end = _value_end(data, at)
            key = json.loads(data[at:end])
            at = _skip(data, _skip(data, end) + 1)
        end = _value_end(data, at)
        found.append(Span(key, first, at, end))
        at = _skip(data, end)
        if data[at : at + 1] == b",":
            at = _skip(data, at + 1)
    return found


def _skip(data: bytes, at: int) -> int:
    match = _SPACE.match(data, at)
    return match.end() if match else at


def _value_end(data: bytes, at: int) -> int:
    first = data[at : at + 1]
    if first == b'"':
        match = _TEXT.match(data, at)
    elif first in {b"{", b"["}:
        return _closing(data, at)
    else:
        match = _SCALAR.match(data, at)
    if match is None:
        raise ValueError(f"not JSON at byte {at}")
    return match.end()


def _closing(data: bytes, at: int) -> int:
    level = 0
    for token in _TOKEN.finditer(data, at):
        first = data[token.start()]
        if first in b"{[":
            level += 1
        elif first in b"}]":
            level -= 1
            if not level:
                return token.end()
    raise ValueError(f"not JSON: nothing closes byte {at}")


def _removals(found: Sequence[Span], dropped: Sequence[bool]) -> list[tuple[int, int]]:
    """Give the ranges to cut, each with the comma that is no longer needed."""
    if not any(dropped):
        return []
    kept = [i for i, gone in enumerate(dropped) if not gone]
    if not kept:
        return [(found[0].start, found[-1].end)]
    ranges = [(found[i].start, found[i + 1].start) for i in range(kept[-1]) if dropped[i]]
    if kept[-1] < len(found) - 1:
        ranges.append((found[kept[-1]].end, found[-1].end))
    return ranges


def _apply(data: bytes, edits: list[tuple[int, int, bytes]]) -> bytes:
    out = []
    at = 0
    for start, end, text in sorted(edits, key=lambda edit: edit[:2]):
        out += [data[at:start], text]
        at = end
    out.append(data[at:])
    return b"".join(out)
