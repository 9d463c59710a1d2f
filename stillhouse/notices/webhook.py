"""Notices by HTTP POST, signed. Knows no retry.

The signature is over the time and the body, so that a receiver can refuse what is old or was altered:
`x-stillhouse-signature: t=<Unix seconds>,v1=<hex HMAC-SHA256 of "<t>.<body>">`.
"""

from __future__ import annotations

import hashlib
import hmac
import json
from collections.abc import Callable
from http import HTTPStatus

import httpx

from stillhouse.errors import Undelivered
from stillhouse.notices.notice import Notice


def signature(secret: str, ts: int, body: bytes) -> str:
    """Give the value of the header for a body sent at a time."""
    signed = hmac.new(secret.encode(), f"{ts}.".encode() + body, hashlib.sha256).hexdigest()
    return f"t={ts},v1={signed}"


class Webhook:
    """One receiver. `clock` gives Unix seconds; redirects are not followed: the secret's owner is this URL."""

    name = "webhook"

    def __init__(self, url: str, secret: str | None, *, timeout_s: float, clock: Callable[[], float]) -> None:
        self._url = url
        self._secret = secret
        self._clock = clock
        self._client = httpx.AsyncClient(timeout=timeout_s, follow_redirects=False, trust_env=False)

    async def send(self, notice: Notice) -> None:
        """Post a notice; any status of success is a receipt. Raises Undelivered."""
        body = json.dumps(notice.to_json(), ensure_ascii=False).encode()
        headers = {"content-type": "application/json", "x-stillhouse-notice": notice.notice_id}
        if self._secret is not None:
            headers["x-stillhouse-signature"] = signature(self._secret, int(self._clock()), body)
        try:
            response = await self._client.post(self._url, content=body, headers=headers)
        except (httpx.HTTPError, httpx.InvalidURL) as error:
            raise Undelivered(f"{type(error).__name__}: {error}") from error
        if not response.is_success:
            status = HTTPStatus(response.status_code).phrase if response.status_code in _KNOWN else "unknown"
            raise Undelivered(f"the receiver answered {response.status_code} ({status})")

    async def aclose(self) -> None:
        """Close its connections."""
        await self._client.aclose()


_KNOWN = frozenset(int(status) for status in HTTPStatus)
