"""Credentials that an upstream says back, taken out of what is kept. Pure; knows no record.

Only the log's copy is changed, never what the app gets.
"""

from __future__ import annotations

from functools import lru_cache
from urllib.parse import unquote_to_bytes, urlsplit

from gateway import headers as head
from gateway.upstream.port import Headers, Outgoing

LEAST = 8  # bytes; what is shorter is as likely a word of the answer
_INSTEAD = b"***"


def secrets(request: Outgoing) -> tuple[bytes, ...]:
    """Give every credential that the upstream is shown, with and without its scheme, longest first."""
    return _shown(request.headers, request.url)


@lru_cache(maxsize=256)
def _shown(headers: Headers, url: str) -> tuple[bytes, ...]:
    shown: set[bytes] = set()
    for _, text in (*head.presented(headers), *head.presented(_asked(url))):
        shown.update((text.strip(), text.strip().partition(b" ")[2].strip()))
    return tuple(sorted((text for text in shown if len(text) >= LEAST), key=lambda text: (-len(text), text)))


def without(body: bytes, hidden: tuple[bytes, ...]) -> bytes:
    """Give `body` without these, also where it ends (was cut) in the midst of one."""
    for secret in hidden:
        if secret[:LEAST] in body:
            return _without(body, hidden)
    return body


def _without(body: bytes, hidden: tuple[bytes, ...]) -> bytes:
    for secret in hidden:
        if secret in body:
            body = body.replace(secret, _INSTEAD)
    for secret in hidden:
        if secret[:LEAST] not in body[-len(secret) :]:
            continue
        for length in range(len(secret) - 1, LEAST - 1, -1):
            if body.endswith(secret[:length]):
                return body[:-length] + _INSTEAD
    return body


def _asked(url: str) -> tuple[tuple[bytes, bytes], ...]:
    """Give the query as headers are given: names in lower case, values as sent and as meant."""
    pairs = [part.partition("=") for part in urlsplit(url).query.split("&")]
    named = [(name.lower().encode("latin-1", "replace"), text) for name, _, text in pairs]
    as_sent = [(name, text.encode("latin-1", "replace")) for name, text in named]
    return (*as_sent, *((name, unquote_to_bytes(text)) for name, text in named))
