"""What went wrong at a provider, in OpenAI's shape with the provider's own status. Knows litellm's errors by their members."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import msgspec

_TYPES = {
    401: "authentication_error",
    403: "permission_error",
    404: "not_found_error",
    429: "rate_limit_error",
}
_LEAST, _MOST = 400, 599
_UNKNOWN = 502  # of an error that names no status: the provider's answer was none
_KEPT = ("retry-after", "retry-after-ms", "x-should-retry")
_LENGTH = 2000  # characters of a message
_SERVERS = 500
_TRACE = "\nTraceback (most recent call last)"  # litellm puts its own behind what it says


@dataclass(frozen=True, kw_only=True, slots=True)
class Failure:
    """One error as the gateway receives it."""

    status: int
    body: bytes
    headers: tuple[tuple[bytes, bytes], ...] = field(default=())


def of_error(error: BaseException) -> Failure:
    """Say what an exception of litellm's tells."""
    status = getattr(error, "status_code", None)
    status = status if isinstance(status, int) and _LEAST <= status <= _MOST else _UNKNOWN
    text = str(getattr(error, "message", "")).partition(_TRACE)[0]
    return refusal(
        status,
        text or f"The provider's answer could not be used: {type(error).__name__}.",
        code=_text(error, "code"),
        param=_text(error, "param"),
        headers=_headers(error),
    )


def refusal(
    status: int,
    message: str,
    *,
    code: str | None = None,
    param: str | None = None,
    headers: tuple[tuple[bytes, bytes], ...] = (),
) -> Failure:
    """Make an error of OpenAI's shape."""
    kind = _TYPES.get(status, "api_error" if status >= _SERVERS else "invalid_request_error")
    said = {"message": message[:_LENGTH], "type": kind, "param": param, "code": code}
    return Failure(status=status, body=msgspec.json.encode({"error": said}), headers=headers)


def _text(error: BaseException, name: str) -> str | None:
    value = getattr(error, name, None)
    return value if isinstance(value, str) and value and not value.isdecimal() else None


def _headers(error: BaseException) -> tuple[tuple[bytes, bytes], ...]:
    """Give what a client waits by."""
    response: Any = getattr(error, "response", None)
    given = getattr(error, "litellm_response_headers", None) or getattr(response, "headers", None) or {}
    try:
        found = {str(name).lower(): str(value) for name, value in dict(given).items()}
        return tuple((name.encode(), found[name].encode("latin-1")) for name in _KEPT if name in found)
    except (TypeError, ValueError):
        return ()
