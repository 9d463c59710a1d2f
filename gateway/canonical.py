"""JSON read leniently; written in one canonical way for hashing, or in its own order. Knows no wire format."""

from __future__ import annotations

import json
from typing import Any

import msgspec

_READ = msgspec.json.Decoder().decode
_SORTED = msgspec.json.Encoder(order="sorted").encode
_WRITE = msgspec.json.Encoder().encode


def loads(data: bytes | msgspec.Raw) -> Any:
    """Read JSON; lone surrogates, which only Python's reader takes, do not fail. Raises ValueError."""
    try:
        return _READ(data)
    except (msgspec.DecodeError, UnicodeDecodeError):
        return json.loads(bytes(data))


def dumps(value: Any) -> bytes:
    """Write JSON with sorted keys and without whitespace: equal values, equal bytes."""
    try:
        return _SORTED(value)
    except (UnicodeEncodeError, ValueError):
        return json.dumps(value, sort_keys=True, separators=(",", ":")).encode()


def written(value: Any) -> bytes:
    """Write JSON without whitespace, members in their order."""
    try:
        return _WRITE(value)
    except (ValueError, OverflowError):  # a lone surrogate, which JSON can only escape; a very long int
        return json.dumps(value, separators=(",", ":")).encode()


def clean(text: str, limit: int = 256) -> str:
    """Give `text` as storable UTF-8, without lone surrogates, at most `limit` characters."""
    return text[:limit].encode("utf-8", "replace").decode()
