"""Content codings, in and out, under a cap. Knows no HTTP beyond the names of codings."""

from __future__ import annotations

import importlib
import importlib.util
import zlib
from collections.abc import Callable
from functools import cache, partial
from typing import Any

_GZIP = zlib.MAX_WBITS | 16
_ZSTD = ("compression.zstd", "backports.zstd")  # of Python 3.14, and the same for those before it
_ZSTD_WINDOW = 23  # the most that a sender may use, as log2 of bytes (RFC 9659)
_MOST = 4  # codings, one upon the other
_MOST_MEMBERS = 64  # of one coding, one after the other: each is copied with all that follows it

_Member = Callable[[bytes, int], tuple[bytes, bytes]]  # at most so many decoded bytes, and what follows


class BadCoding(ValueError):  # noqa: N818
    """The bytes are not what their content-encoding says."""


class TooLong(ValueError):  # noqa: N818
    """The decoded bytes exceed the cap."""


@cache
def known() -> tuple[str, ...]:
    """Give the codings that can be read here."""
    return tuple(name for name in ("gzip", "deflate", "br", "zstd") if name in _members())


def decode(data: bytes, coding: str, limit: int) -> bytes:
    """Undo codings, of which none may give more than `limit` bytes.

    `coding` names them in the order in which they were applied, as Content-Encoding does. Raises `BadCoding`,
    `TooLong`, or KeyError for one that is unknown.
    """
    names = [name for item in coding.split(",") if (name := item.strip().lower()) not in {"", "identity"}]
    readers = [_members()[name] for name in names]
    if len(readers) > _MOST:
        raise BadCoding(f"it has more than {_MOST} codings")
    for reader in reversed(readers):
        data = _all(data, limit, reader)
    return data


def accepted(header: str) -> str:
    """Narrow an Accept-Encoding to what the log can read; "identity" where nothing is left."""
    names = [item.partition(";")[0].strip().lower() for item in header.split(",")]
    kept = [item.strip() for item, name in zip(header.split(","), names, strict=True) if name in known()]
    return ", ".join(kept) or "identity"


def _all(data: bytes, limit: int, reader: _Member) -> bytes:
    out: list[bytes] = []
    room = limit + 1
    while data:
        if len(out) == _MOST_MEMBERS:
            raise BadCoding(f"it has more than {_MOST_MEMBERS} parts")
        member, data = reader(data, room)
        out.append(member)
        room -= len(member)
        if room <= 0:
            raise TooLong
    return b"".join(out)


@cache
def _members() -> dict[str, _Member]:
    """Give what reads one member or frame of each coding."""
    gzip = partial(_inflated, window=_GZIP)
    readers: dict[str, _Member] = {"gzip": gzip, "x-gzip": gzip, "deflate": _deflated}
    zstd = next((name for name in _ZSTD if _present(name)), None)
    if zstd:
        readers["zstd"] = partial(_zstd, module=importlib.import_module(zstd))
    if _present("brotli"):
        readers["br"] = partial(_brotli, module=importlib.import_module("brotli"))
    return readers


def _present(name: str) -> bool:
    try:
        return importlib.util.find_spec(name) is not None
    except ModuleNotFoundError:
        return False


def _inflated(data: bytes, room: int, window: int) -> tuple[bytes, bytes]:
    stream = zlib.decompressobj(window)
    try:
        member = stream.decompress(data, room)
    except zlib.error as error:
        raise BadCoding(str(error)) from error
    return member, _after(stream, whole=stream.eof, full=len(member) >= room)


def _deflated(data: bytes, room: int) -> tuple[bytes, bytes]:
    try:
        return _inflated(data, room, zlib.MAX_WBITS)
    except BadCoding:  # some send it without the wrapper that its name asks for
        return _inflated(data, room, -zlib.MAX_WBITS)


def _zstd(data: bytes, room: int, module: Any) -> tuple[bytes, bytes]:
    stream = module.ZstdDecompressor(options={module.DecompressionParameter.window_log_max: _ZSTD_WINDOW})
    try:
        member = stream.decompress(data, max_length=room)
    except module.ZstdError as error:
        raise BadCoding(str(error)) from error
    return member, _after(stream, whole=stream.eof, full=len(member) >= room)


def _brotli(data: bytes, room: int, module: Any) -> tuple[bytes, bytes]:
    stream = module.Decompressor()
    try:
        member = stream.process(data, output_buffer_limit=room)
        while len(member) < room and not stream.can_accept_more_data():
            member += stream.process(b"", output_buffer_limit=room - len(member))
    except module.error as error:
        raise BadCoding(str(error)) from error
    if len(member) < room and not stream.is_finished():
        raise BadCoding("the compressed data ends early")
    return member, b""


def _after(stream: Any, *, whole: bool, full: bool) -> bytes:
    if not whole and not full:
        raise BadCoding("the compressed data ends early")
    rest: bytes = stream.unused_data
    return rest
