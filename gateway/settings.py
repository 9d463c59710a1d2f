"""What an operator decides about the data plane. Knows no file, no environment and no YAML.

Everything here has a default: with nothing set, OpenAI's and Anthropic's APIs are the upstreams, each for the
calls that speak it, and every caller brings a key of its own (pass-through mode).
"""

from __future__ import annotations

import secrets
import ssl
from dataclasses import dataclass, field
from pathlib import Path

from gateway.upstream.spec import ANTHROPIC, OPENAI, Kind, SettingsError, Timeouts, UpstreamSpec

__all__ = ["MIB", "ClientKey", "GatewaySettings", "Kind", "SettingsError", "Timeouts", "UpstreamSpec"]

MIB = 1024 * 1024
_SHA256_HEX = 64


@dataclass(frozen=True, kw_only=True, slots=True)
class ClientKey:
    """A key that an app may present; only the hash of it is known here."""

    name: str  # becomes the tenant of its calls
    sha256: str = field(repr=False)  # hex digest of the whole key

    def __post_init__(self) -> None:
        """Refuse what is not a SHA-256 digest (a pasted key, for one)."""
        digits = self.sha256.lower()
        if len(digits) != _SHA256_HEX or any(c not in "0123456789abcdef" for c in digits):
            raise SettingsError(
                f"client key {self.name!r}: sha256 must be 64 hex digits (the hash, not the key)."
            )
        object.__setattr__(self, "sha256", digits)


@dataclass(frozen=True, kw_only=True, slots=True)
class GatewaySettings:
    """All of the data plane's settings. Sizes are bytes, times seconds."""

    upstreams: tuple[UpstreamSpec, ...] = (OPENAI, ANTHROPIC)
    client_keys: tuple[ClientKey, ...] = ()
    salt: bytes = field(default_factory=lambda: secrets.token_bytes(32), repr=False)
    ca_file: Path | None = None  # PEM: authorities that upstreams are believed by, beside the usual ones
    models: tuple[str, ...] = ()  # extra names listed by GET /v1/models

    administration: bool = (
        False  # whether the provider's administration (/organization, /projects) is passed on
    )

    max_body: int = 64 * MIB  # of a request, as sent and as decompressed
    max_depth: int = 128  # nesting of a request's JSON
    max_headers: int = 128
    max_header_bytes: int = 64 * 1024  # all names and values together
    max_answer_log: int = 64 * MIB  # of an answer kept for the log; the app still gets all of it
    max_opaque_log: int = (
        256 * 1024
    )  # of an opaque body kept for the log, each way; of longer JSON its short members

    max_message: int = 16 * MIB  # of a websocket, either way: more than an event of the Realtime API may have
    socket_idle_s: float = 3600.0  # without a message either way; no session of that API lasts longer

    accepted_key_s: float = 3600.0  # how long a teacher's 2xx lets a student answer that key
    accepted_keys: int = 100_000  # keys remembered at most

    upstream_wait_s: float = 5.0  # for a place, where every upstream of a call is at its `concurrency`
    student_hung_s: float = 3.0  # an app that hangs up after so long without a byte: the student's fault

    shadow_concurrency: int = 8
    shadow_queue: int = 256  # waiting; more are recorded as lost pairs
    shadow_timeout_s: float = 120.0
    drain_s: float = 10.0  # for shadows and open answers at shutdown

    def __post_init__(self) -> None:
        """Refuse what could not serve a single call."""
        if self.ca_file is not None:
            try:
                ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT).load_verify_locations(self.ca_file)
            except OSError as error:  # of which ssl.SSLError is one
                raise SettingsError(f"ca_file: {self.ca_file} has no PEM certificates to be read.") from error
        if self.socket_idle_s <= 0:
            raise SettingsError("socket_idle_s must be more than 0 seconds.")
        if not self.upstreams:
            raise SettingsError("at least one upstream is needed.")
        names = [upstream.name for upstream in self.upstreams]
        if len(set(names)) != len(names):
            raise SettingsError(f"upstream names must differ: {', '.join(names)}.")
        for name in (
            "max_body",
            "max_depth",
            "max_headers",
            "max_header_bytes",
            "max_message",
            "shadow_concurrency",
        ):
            if getattr(self, name) < 1:
                raise SettingsError(f"{name} must be at least 1.")
        for name in ("shadow_queue", "student_hung_s", "upstream_wait_s"):
            if getattr(self, name) < 0:
                raise SettingsError(f"{name} must not be negative.")
