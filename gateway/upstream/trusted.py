"""Whose certificates an upstream is believed by. Knows no connection."""

from __future__ import annotations

import ssl
from functools import cache
from pathlib import Path

import httpx


@cache
def trusted(ca_file: Path | None = None) -> ssl.SSLContext:
    """Give a client's context: the authorities that httpx trusts, and those of a PEM file. Raises OSError."""
    context = httpx.create_ssl_context(trust_env=False)
    if ca_file is not None:
        context.load_verify_locations(ca_file)
    return context
