"""Listening sockets. Knows no protocol."""

from __future__ import annotations

import errno
import socket

from stillhouse.errors import ConfigError, PortTaken


def reserve(host: str, port: int, setting: str) -> socket.socket:
    """Bind without listening, so that the port stays ours while the processes that share it come and go.

    Port 0 picks a free one. Raises PortTaken or ConfigError, naming the setting.
    """
    _refuse_taken(host, port, setting)
    return shared(host, port)


def listening(host: str, backlog: int) -> socket.socket:
    """Listen on any free port, for a child that is handed the socket: while it starts, connections wait in it."""
    family, address = _resolve(host, 0)
    sock = socket.socket(family, socket.SOCK_STREAM)
    try:
        sock.bind(address)
        sock.listen(backlog)
    except OSError:
        sock.close()
        raise
    return sock


def shared(host: str, port: int) -> socket.socket:
    """Bind a TCP socket with SO_REUSEPORT: the kernel spreads connections over all that listen."""
    family, address = _resolve(host, port)
    sock = socket.socket(family, socket.SOCK_STREAM)
    try:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        sock.bind(address)
    except OSError:
        sock.close()
        raise
    sock.set_inheritable(False)
    return sock


def port_of(sock: socket.socket) -> int:
    """Give the port that a socket is bound to."""
    return int(sock.getsockname()[1])


def url(host: str, port: int) -> str:
    """Give the address that a person on this machine would open."""
    shown = {"0.0.0.0": "127.0.0.1", "::": "[::1]"}.get(host, f"[{host}]" if ":" in host else host)  # noqa: S104
    return f"http://{shown}:{port}"


def _refuse_taken(host: str, port: int, setting: str) -> None:
    try:
        family, address = _resolve(host, port)
        with socket.socket(family, socket.SOCK_STREAM) as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind(address)
    except OSError as error:
        variable = "STILLHOUSE_" + setting.upper().replace(".", "__")
        if error.errno == errno.EADDRINUSE:
            raise PortTaken(
                f"Port {port} on {host} is taken by another program; set {setting} (or {variable}) to a free one."
            ) from error
        raise ConfigError(f"Cannot listen on {host} port {port} ({setting}): {error.strerror}.") from error


def _resolve(host: str, port: int) -> tuple[socket.AddressFamily, tuple[str, int]]:
    family, _, _, _, address = socket.getaddrinfo(
        host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
    )[0]
    return family, (str(address[0]), int(address[1]))
