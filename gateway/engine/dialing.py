"""A new connection to a server, to whichever of its addresses answers first (RFC 8305). Knows no request."""

from __future__ import annotations

import asyncio
import socket
import ssl
from collections.abc import Callable, Sequence
from itertools import chain, zip_longest
from typing import Any

from gateway.engine.asking import Origin
from gateway.engine.connection import Connection
from gateway.upstream.port import ConnectFailed

_STAGGER_S = 0.25  # until the next address is tried beside those that have not answered

Address = tuple[int, Any]  # a family, and what its sockets connect to


async def dial(
    origin: Origin, made: Callable[[], Connection], tls: ssl.SSLContext | None, seconds: float
) -> Connection:
    """Open a connection within so many seconds. Raises `ConnectFailed`; only here its words say what the system said."""
    loop = asyncio.get_running_loop()
    try:
        async with asyncio.timeout(seconds):
            sock = await first(await addresses(origin))
            try:
                _, connection = await loop.create_connection(
                    made, sock=sock, ssl=tls, server_hostname=origin.host if tls else None
                )
            except BaseException:
                sock.close()
                raise
    except (OSError, ValueError) as error:  # a name that no resolver takes is a ValueError
        raise ConnectFailed(f"No connection: {error or type(error).__name__}.") from error
    return connection


async def addresses(origin: Origin) -> list[Address]:
    """Resolve a server's name: addresses of the two families by turns, in the order that the system prefers."""
    loop = asyncio.get_running_loop()
    found = await loop.getaddrinfo(
        origin.host, origin.port, type=socket.SOCK_STREAM, proto=socket.IPPROTO_TCP
    )
    families: dict[int, list[Address]] = {}
    for family, _, _, _, address in found:
        families.setdefault(family, []).append((family, address))
    turns = chain.from_iterable(zip_longest(*families.values()))
    return [address for address in turns if address is not None]


async def first(places: Sequence[Address]) -> socket.socket:
    """Give a connected socket. Raises OSError, the last one, where no address answers."""
    waiting, trying = list(places), set[asyncio.Task[socket.socket]]()
    last = OSError("the name has no address")
    try:
        while waiting or trying:
            if waiting:
                trying.add(asyncio.ensure_future(_connected(*waiting.pop(0))))
            done, _ = await asyncio.wait(
                trying, timeout=_STAGGER_S if waiting else None, return_when=asyncio.FIRST_COMPLETED
            )
            for task in done:
                trying.discard(task)
                error = task.exception()
                if error is None:
                    return task.result()
                if not isinstance(error, OSError):
                    raise error
                last = error
    finally:
        for task in trying:
            task.add_done_callback(_unwanted)
            task.cancel()
    raise last


async def _connected(family: int, address: Any) -> socket.socket:
    sock = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    try:
        sock.setblocking(False)  # noqa: FBT003
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        await asyncio.get_running_loop().sock_connect(sock, address)
    except BaseException:
        sock.close()
        raise
    return sock


def _unwanted(task: asyncio.Task[socket.socket]) -> None:
    """Close what was connected in the very moment in which another had won."""
    if not task.cancelled() and task.exception() is None:
        task.result().close()
