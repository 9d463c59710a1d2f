"""Which engine the tests of this folder, and those of breakages, run on: `ENGINE_UNDER_TEST`, `native` by default."""

from __future__ import annotations

import os
import ssl
from typing import Any

from gateway.dispatch import Gateway
from gateway.engine.apps import protocol
from gateway.engine.client import NativeTransport
from gateway.ports import Transport
from gateway.upstream.httpx_engine import HttpxTransport

ENGINE = os.environ.get("ENGINE_UNDER_TEST", "native")
TLS = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)  # empty and quick to make: every test server speaks plain HTTP


def transport() -> Transport:
    """Give an upstream client of the engine."""
    return NativeTransport(tls=TLS) if ENGINE == "native" else HttpxTransport(tls=TLS)


def http(app: Any) -> Any:
    """Give what reads an app's connections, for uvicorn's `http`: of a gateway, the engine's."""
    if isinstance(app, Gateway) and isinstance(app.transport, NativeTransport):
        return protocol(app, app.transport)
    return "auto"
