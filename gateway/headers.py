"""Which headers go on, come back and are logged. Pure; knows no credential's value.

Logged are only allow-listed names: no credential and no cookie can reach a record.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from functools import lru_cache

from gateway import codings
from gateway.upstream.port import Headers

CREDENTIALS = frozenset({b"authorization", b"api-key", b"x-api-key"})
ACCOUNT = frozenset({b"openai-organization", b"openai-project"})
_HOP = frozenset(
    b"connection keep-alive proxy-authenticate proxy-authorization proxy-connection te trailer "
    b"transfer-encoding upgrade http2-settings".split()
)
_NEVER_SENT = (
    frozenset(b"host content-length cookie cookie2 set-cookie forwarded via x-real-ip expect".split())
    | CREDENTIALS
)
_NEVER_SENT_PREFIXES = (b"x-forwarded-", b"x-stillhouse-", b"cf-", b"sec-")
_NEVER_RETURNED = frozenset(
    b"set-cookie set-cookie2 server date alt-svc strict-transport-security via".split()
)

_LOGGED_REQUEST = frozenset(
    b"accept anthropic-beta anthropic-version content-type content-encoding idempotency-key openai-beta user-agent x-client-request-id "
    b"x-request-id x-stillhouse-conversation x-stillhouse-route x-stillhouse-task".split()
)
_LOGGED_RESPONSE = frozenset(
    b"content-type content-encoding retry-after retry-after-ms x-request-id request-id apim-request-id x-should-retry "
    b"openai-processing-ms openai-version openai-model".split()
)
_LOGGED_VALUE = 512  # bytes of a header's value kept

# Gateways of providers take keys in headers of their own (ocp-apim-subscription-key, helicone-auth, ...).
_SECRET = re.compile(rb"(?:key|token|secret|password|auth|authorization|authentication|credentials?|jwt)$")
_NO_SECRET = frozenset({b"idempotency-key", b"x-idempotency-key"})  # new with every call
_DIGITS = 18  # of a number in a header, at most
_KEPT = 256  # heads of which is remembered what becomes of them: an app sends the same one again and again


@lru_cache(maxsize=_KEPT)
def onward(headers: Headers, *, account: bool, credential: Headers, secrets: bool = True) -> Headers:
    """Give what the teacher receives: the app's headers less what ends here, plus `credential`.

    `account`: whether OpenAI-Organization and OpenAI-Project, which belong to the app's own key, go on;
    `secrets`: whether other headers do that may be a credential of the app.
    """
    kept = [
        (name, codings.accepted(value.decode("latin-1")).encode() if name == b"accept-encoding" else value)
        for name, value in _going_on(headers)
        if (account or name not in ACCOUNT) and (secrets or not secret(name))
    ]
    return (*kept, *credential)


@lru_cache(maxsize=1024)
def secret(name: bytes) -> bool:
    """Tell whether what goes on under this name, in lower case, may be a credential."""
    return bool(_SECRET.search(name)) and name not in _NO_SECRET


def presented(headers: Headers) -> Headers:
    """Give every header that may reach a teacher and may be a credential, in order of arrival."""
    kept = [pair for pair in headers if pair[0] in CREDENTIALS]
    others = [pair for pair in _going_on(headers) if secret(pair[0])]
    return (*kept, *others)


def back(headers: Headers) -> list[tuple[bytes, bytes]]:
    """Give what the app receives of an upstream's response headers, content-length included."""
    named = _named_by_connection(headers)
    return [pair for pair in headers if not _stays_here(pair[0]) and pair[0] not in named]


@lru_cache(maxsize=_KEPT)
def logged_request(headers: Headers) -> dict[str, str]:
    """Give the request headers that a record may hold; they are many records', so nobody changes them."""
    return _logged(headers, _of_request)


def logged_response(headers: Headers) -> dict[str, str]:
    """Give the response headers that a record may hold."""
    return _logged(headers, _of_response)


def anthropic(headers: Headers) -> bool:
    """Tell whether a request speaks Anthropic's API: its SDKs always say which version of it."""
    return value(headers, b"anthropic-version") is not None


def value(headers: Headers, name: bytes) -> str | None:
    """Give the last value of a header, as text."""
    found = None
    for key, text in headers:
        if key == name:
            found = text.decode("latin-1")
    return found


def listed(headers: Headers, name: bytes) -> str:
    """Give the values of a header that is a list, as the one list that they make; "" where there is none."""
    return ", ".join(text.decode("latin-1") for key, text in headers if key == name)


def number(headers: Headers, name: bytes) -> int | None:
    """Give the last value of a header that is a whole number of at most 18 digits, else None."""
    return whole(value(headers, name) or "")


def whole(text: str) -> int | None:
    """Read a whole number of at most 18 digits; None where it is none."""
    return int(text) if text.isdecimal() and len(text) <= _DIGITS else None


def _going_on(headers: Headers) -> Headers:
    """Give the headers that do not end here; of credentials the key ring decides."""
    named = _named_by_connection(headers)
    return tuple([pair for pair in headers if not _ends_here(pair[0]) and pair[0] not in named])


@lru_cache(maxsize=1024)
def _ends_here(name: bytes) -> bool:
    return name in _HOP or name in _NEVER_SENT or name.startswith(_NEVER_SENT_PREFIXES)


@lru_cache(maxsize=1024)
def _stays_here(name: bytes) -> bool:
    return name in _HOP or name in _NEVER_RETURNED or name.startswith(b"x-stillhouse-")


@lru_cache(maxsize=1024)
def _of_request(name: bytes) -> bool:
    return name in _LOGGED_REQUEST or name.startswith(b"x-stainless-")


@lru_cache(maxsize=1024)
def _of_response(name: bytes) -> bool:
    return name in _LOGGED_RESPONSE or name.startswith((b"x-ratelimit-", b"anthropic-ratelimit-"))


def _logged(headers: Headers, allowed: Callable[[bytes], bool]) -> dict[str, str]:
    return {
        name.decode("latin-1"): text[:_LOGGED_VALUE].decode("latin-1")
        for name, text in headers
        if allowed(name)
    }


def _named_by_connection(headers: Headers) -> frozenset[bytes]:
    values = [text.lower() for name, text in headers if name == b"connection"]
    if not values:
        return frozenset()
    return frozenset(name.strip() for text in values for name in text.split(b","))
