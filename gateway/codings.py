"""Content codings, in and out, under a cap. Knows no HTTP beyond the names of codings."""

from __future__ import annotations

import importlib
import importlib.util
import zlib
from functools import cache
from typing import Any

_GZIP = zlib.MAX_WBITS | 16


class BadCoding(ValueError):  # noqa: N818
    """The bytes are not what their content-encoding says."""


class TooLong(ValueError):  # noqa: N818
    """The decoded bytes exceed the cap."""


@cache
def known() -> tuple[str, ...]:
    """Give the codings that can be read here; zstd only where a module for it is installed."""
    return ("gzip", "deflate", "zstd") if _zstd() else ("gzip", "deflate")


def decode(data: bytes, coding: str, limit: int) -> bytes:
    """Decode at most `limit` bytes. Raises `BadCoding`, `TooLong`, or KeyError for an unknown coding."""
    coding = coding.strip().lower()
    if coding in {"", "identity"}:
        return data
    if coding in {"gzip", "x-gzip"}:
        return _inflate(data, limit, _GZIP)
    if coding == "deflate":
        try:
            return _inflate(data, limit, zlib.MAX_WBITS)
        except BadCoding:
            return _inflate(data, limit, -zlib.MAX_WBITS)
    if coding == "zstd" and _zstd():
        return _unzstd(data, limit)
    raise KeyError(coding)


def accepted(header: str) -> str:
    """Narrow an Accept-Encoding to what the log can read; "identity" where nothing is left."""
    names = [item.partition(";")[0].strip().lower() for item in header.split(",")]
    kept = [item.strip() for item, name in zip(header.split(","), names, strict=True) if name in known()]
    return ", ".join(kept) or "identity"


def _inflate(data: bytes, limit: int, window: int) -> bytes:
    out: list[bytes] = []
    room = limit + 1
    while data:
        stream = zlib.decompressobj(window)
        try:
            out.append(stream.decompress(data, room))
        except zlib.error as error:
            raise BadCoding(str(error)) from error
        room -= len(out[-1])
        if room <= 0:
            raise TooLong
        if not stream.eof:
            raise BadCoding("the compressed data ends early")
        data = stream.unused_data
    return b"".join(out)


@cache
def _zstd() -> Any:
    name = next((n for n in ("compression.zstd", "backports.zstd", "zstandard") if _present(n)), None)
    return importlib.import_module(name) if name else None


def _present(name: str) -> bool:
    try:
        return importlib.util.find_spec(name) is not None
    except ModuleNotFoundError:
        return False


def _unzstd(data: bytes, limit: int) -> bytes:
    module = _zstd()
    try:
        if hasattr(module, "ZstdDecompressor") and module.__name__ == "zstandard":
            out: bytes = module.ZstdDecompressor().stream_reader(data).read(limit + 1)
        else:
            out = module.ZstdDecompressor().decompress(data, max_length=limit + 1)
    except Exception as error:  # each module has an error class of its own
        raise BadCoding(str(error)) from error
    if len(out) > limit:
        raise TooLong
    return out
