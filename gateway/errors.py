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
    ) -> None:
        super().__init__(message)
        self.status = status
        self.message = message
        self.code = code
        self.param = param
        self.kind = kind

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


def journal_full() -> Refusal:
    """Say that an unlogged call is refused, because the operator wants it so."""
    return Refusal(
        503,
        "The journal is full and this gateway refuses calls that it cannot log; nothing was forwarded.",
        code="journal_full",
        kind="server_error",
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
    return Refusal(503, text, code="feedback_lost", kind="server_error")


def journal_closed() -> Refusal:
    """Say that a call that cannot be logged at all, as while shutting down, is refused."""
    text = "The journal is not open; nothing was forwarded."
    return Refusal(503, text, code="journal_closed", kind="server_error")
