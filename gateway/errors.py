"""What the gateway itself says when it cannot pass a call on. Knows no upstream's own errors.

Refusal                one request refused, in OpenAI's error shape
AnswerCut              the answer ended early: the connection is aborted, never ended cleanly
ClientGone             the app hung up while its request was still being read
"""

from __future__ import annotations

import msgspec

from gateway.upstream.port import ConnectFailed, UpstreamError, UpstreamTimeout

_ANTHROPIC = {  # https://docs.anthropic.com/en/api/errors
    400: "invalid_request_error",
    401: "authentication_error",
    403: "permission_error",
    404: "not_found_error",
    405: "invalid_request_error",
    413: "request_too_large",
    415: "invalid_request_error",
    429: "rate_limit_error",
    503: "overloaded_error",
    504: "timeout_error",
}


_REFUSED = 400
_BROKEN = 500


class Refusal(Exception):  # noqa: N818
    """An answer of our own: a status, and what both providers' error objects are made of."""

    def __init__(
        self,
        status: int,
        message: str,
        *,
        code: str | None = None,
        param: str | None = None,
        kind: str = "invalid_request_error",
        retry: bool | None = None,
        retry_after_s: int | None = None,
    ) -> None:
        super().__init__(message)
        self.status = status
        self.message = message
        self.code = code
        self.param = param
        self.kind = kind
        self.retry = False if retry is None and status < _BROKEN else retry  # None: the SDK's own rule
        self.retry_after_s = retry_after_s

    def headers(self) -> list[tuple[bytes, bytes]]:
        """Give what SDKs go by when they ask themselves whether to send a call again."""
        given = []
        if self.retry is not None:
            given.append((b"x-should-retry", b"true" if self.retry else b"false"))
        if self.retry_after_s is not None:
            given.append((b"retry-after", str(self.retry_after_s).encode()))
        return given

    def body(self, *, anthropic: bool = False) -> bytes:
        """Give the JSON that the app receives, in OpenAI's shape or in Anthropic's."""
        if anthropic:
            said = {"type": _ANTHROPIC.get(self.status, "api_error"), "message": self.message}
            return msgspec.json.encode({"type": "error", "error": said, "request_id": None})
        error = {"message": self.message, "type": self.kind, "param": self.param, "code": self.code}
        return msgspec.json.encode({"error": error})


class AnswerCut(Exception):  # noqa: N818
    """Raised out of the application after the head went out, so that the server drops the connection."""


class ClientGone(Exception):  # noqa: N818
    """The app closed its connection before its request was complete."""


def from_upstream(error: UpstreamError, upstream: str) -> Refusal:
    """Say in one sentence why no answer came; 502 or 504, which clients retry."""
    if isinstance(error, UpstreamTimeout):
        return Refusal(
            504, f"The upstream {upstream!r} timed out.", code="upstream_timeout", kind="upstream_error"
        )
    if isinstance(error, ConnectFailed):
        text = f"The upstream {upstream!r} could not be reached."
        return Refusal(502, text, code="upstream_unreachable", kind="upstream_error")
    text = f"The upstream {upstream!r} closed the connection before it answered."
    return Refusal(502, text, code="upstream_cut", kind="upstream_error")


def busy() -> Refusal:
    """Say that every upstream of a call has as many requests as it may have."""
    return Refusal(
        429,
        "Every upstream that could answer has as many requests in flight as it may have; nothing was forwarded.",
        code="upstream_busy",
        kind="rate_limit_error",
        retry=True,
        retry_after_s=1,
    )


def said(status: int, body: bytes) -> Refusal:
    """Give an upstream's own error for an app that can no longer be given its status."""
    try:
        error = msgspec.json.decode(body, type=_Said).error
    except (msgspec.DecodeError, RecursionError):
        error = None
    told = error if isinstance(error, dict) else {}
    message, kind, code = (told.get(name) for name in ("message", "type", "code"))
    text = f"The upstream answered with status {status}" + ("." if status >= _REFUSED else ", and no stream.")
    return Refusal(
        status,
        message if isinstance(message, str) else text,
        code=code if isinstance(code, str) else "upstream_refused",
        kind=kind if isinstance(kind, str) else "upstream_error",
    )


class _Said(msgspec.Struct):
    error: object = None


def journal_full() -> Refusal:
    """Say that an unlogged call is refused, because the operator wants it so."""
    return Refusal(
        503,
        "The journal is full and this gateway refuses calls that it cannot log; nothing was forwarded.",
        code="journal_full",
        kind="server_error",
        retry=True,
    )


def journal_unsynced() -> Refusal:
    """Say that an answer is withheld because its record is not on the disk, as the operator wants it."""
    return Refusal(
        503,
        "The journal could not be brought to the disk, and this gateway withholds answers that are not in it.",
        code="journal_unsynced",
        kind="server_error",
    )


def feedback_lost() -> Refusal:
    """Say that feedback was not written, so that the app sends it again."""
    text = "The feedback could not be written to the journal; send it again later."
    return Refusal(503, text, code="feedback_lost", kind="server_error", retry=True)


def journal_closed() -> Refusal:
    """Say that a call that cannot be logged at all, as while shutting down, is refused."""
    text = "The journal is not open; nothing was forwarded."
    return Refusal(503, text, code="journal_closed", kind="server_error", retry=True)
