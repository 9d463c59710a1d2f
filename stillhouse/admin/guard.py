"""Who may speak to the control port. Knows no route but the prefixes.

Host is checked first, on every path: a page of another site whose name was rebound to this machine gets
nothing, not even the status page. Everything below /api needs the bearer token of `admin.token`.
"""

from __future__ import annotations

import hmac
import json
from collections.abc import Iterable

from starlette.types import ASGIApp, Message, Receive, Scope, Send

LOOPBACK_NAMES = frozenset({"127.0.0.1", "localhost", "[::1]"})
PROTECTED = "/api"


class Guard:
    """Pure ASGI: checks Host and token, and adds the security headers to every answer."""

    def __init__(self, app: ASGIApp, *, token: str, hosts: Iterable[str], csp: str) -> None:
        self._app = app
        self._token = token.encode()
        self._hosts = LOOPBACK_NAMES | {host.lower() for host in hosts}
        self._headers = (
            (b"content-security-policy", csp.encode()),
            (b"x-content-type-options", b"nosniff"),
            (b"x-frame-options", b"DENY"),
            (b"referrer-policy", b"no-referrer"),
            (b"cross-origin-resource-policy", b"same-origin"),
            (b"cache-control", b"no-store"),
        )

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer 403 or 401 itself, or pass on."""
        if scope["type"] != "http":
            if scope["type"] == "lifespan":
                await self._app(scope, receive, send)
            return
        refusal = self._refusal(scope)
        if refusal is None:
            await self._app(scope, receive, self._with_headers(send))
        else:
            await _answer(self._with_headers(send), *refusal)

    def _refusal(self, scope: Scope) -> tuple[int, str] | None:
        headers = dict(scope["headers"])
        if host_name(headers.get(b"host", b"").decode("latin-1")) not in self._hosts:
            return 403, "This Host header is not allowed here; see control.allowed_hosts."
        path: str = scope["path"]
        protected = path == PROTECTED or path.startswith(PROTECTED + "/")
        if protected and not self._knows(headers.get(b"authorization", b"")):
            return 401, "The admin API needs the token of admin.token in the data folder, as a bearer token."
        return None

    def _knows(self, authorization: bytes) -> bool:
        kind, _, token = authorization.partition(b" ")
        return kind.lower() == b"bearer" and hmac.compare_digest(token.strip(), self._token)

    def _with_headers(self, send: Send) -> Send:
        async def sender(message: Message) -> None:
            if message["type"] == "http.response.start":
                message["headers"] = [*message.get("headers", ()), *self._headers]
            await send(message)

        return sender


def host_name(host: str) -> str:
    """Give the name of a Host header without its port, in lower case."""
    name = host.strip().lower()
    if name.startswith("["):
        return name.partition("]")[0] + "]"
    return name.partition(":")[0]


async def _answer(send: Send, status: int, sentence: str) -> None:
    body = json.dumps({"error": {"message": sentence}}).encode()
    headers = [(b"content-type", b"application/json"), (b"content-length", str(len(body)).encode())]
    if status == 401:  # noqa: PLR2004
        headers.append((b"www-authenticate", b"Bearer"))
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body})
