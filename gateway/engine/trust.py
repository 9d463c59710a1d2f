"""TLS to upstreams: whom to trust, and sessions that are gone on with. Knows no connection and no request."""

from __future__ import annotations

import ssl
from pathlib import Path
from typing import Self

import certifi

_MOST = 1024  # servers whose session is remembered


class Trust(ssl.SSLContext):
    """A client's context that goes on with the last session of a server, which spares half of a handshake.

    A session holds what was verified when it began: it is of one context, and goes to the same name only.
    """

    _sessions: dict[str, ssl.SSLSession]

    def __new__(cls) -> Self:
        """Make one that trusts nobody yet, and verifies."""
        made = super().__new__(cls, ssl.PROTOCOL_TLS_CLIENT)
        made._sessions = {}
        made.set_alpn_protocols(["http/1.1"])
        return made

    @classmethod
    def usual(cls, ca_file: Path | None = None) -> Self:
        """Trust the authorities that the other engine trusts."""
        made = cls()
        made.load_verify_locations(certifi.where())
        if ca_file is not None:
            made.load_verify_locations(ca_file)
        return made

    def learnt(self, host: str, connection: ssl.SSLObject | None) -> None:
        """Remember the session of a connection; servers tell of it after the handshake, so ask late."""
        session = connection.session if connection is not None else None
        if session is not None:
            if len(self._sessions) >= _MOST:
                self._sessions.pop(next(iter(self._sessions)))
            self._sessions[host] = session

    def wrap_bio(
        self,
        incoming: ssl.MemoryBIO,
        outgoing: ssl.MemoryBIO,
        server_side: bool = False,  # noqa: FBT001, FBT002 - the parent's
        server_hostname: str | bytes | None = None,
        session: ssl.SSLSession | None = None,
    ) -> ssl.SSLObject:
        """Begin a connection as the parent does, with the last session of that server."""
        if session is None and isinstance(server_hostname, str):
            session = self._sessions.get(server_hostname)
        return super().wrap_bio(incoming, outgoing, server_side, server_hostname, session)
