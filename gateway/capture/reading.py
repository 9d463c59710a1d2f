"""One answer's bytes read into an `Answer`. Pure; never raises, whatever the bytes are."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import msgspec

from gateway import canonical
from gateway.capture import chunks, sse
from store.vocabulary import Answer, Usage

DONE = b"[DONE]"
_OK = range(200, 300)
EVENT_STREAM = "text/event-stream"
_MOST_COUNTED = 2**53  # tokens; more is no count, and no column holds it


@dataclass(frozen=True, kw_only=True, slots=True)
class Reading:
    """An answer, and what its bytes say beyond it."""

    answer: Answer
    done: bool = False  # a stream's `[DONE]` is there
    failed: bool = False  # a stream holds an error event


def read_answer(surface: str, content_type: str, status: int, body: bytes) -> Answer:
    """Read an answer as it was sent, after content-decoding. What cannot be read is `completion=None`.

    `surface` "chat" gives the whole completion object, reassembled where it was streamed; any other
    surface gives the id and the usage only.
    """
    return read(surface, content_type, status, body).answer


def read(surface: str, content_type: str, status: int, body: bytes) -> Reading:
    """Read an answer in one pass, for the log and for its outcome."""
    if status not in _OK:
        return Reading(answer=Answer(completion=None))
    if not is_stream(content_type):
        return Reading(answer=_answer(surface, _object(body)))
    said, done = _stream(body)
    failed = any("error" in chunk and "choices" not in chunk for chunk in said)
    return Reading(answer=_answer(surface, chunks.fold(said)), done=done, failed=failed)


def _answer(surface: str, completion: dict[str, Any] | None) -> Answer:
    if completion is None:
        return Answer(completion=None)
    if surface != "chat":
        return Answer(completion=None, completion_id=_text(completion.get("id")), usage=_usage(completion))
    if not isinstance(completion.get("choices"), list):
        return Answer(completion=None)
    return Answer(
        completion=completion,
        completion_id=_text(completion.get("id")),
        finish_reason=_finish(completion["choices"]),
        usage=_usage(completion),
    )


def is_stream(content_type: str) -> bool:
    """Tell whether a content type is that of server-sent events."""
    return content_type.partition(";")[0].strip().lower() == EVENT_STREAM


def _stream(body: bytes) -> tuple[list[dict[str, Any]], bool]:
    """Give a stream's JSON objects up to `[DONE]`, and whether that came; broken data is left out."""
    found: list[dict[str, Any]] = []
    for event in sse.events(body):
        if event.data.strip() == DONE:
            return found, True
        value = _object(event.data)
        if value is not None:
            found.append(value)
    return found, False


def _object(data: bytes) -> dict[str, Any] | None:
    try:
        value = canonical.loads(data)
    except (ValueError, RecursionError, msgspec.MsgspecError):
        return None
    return value if isinstance(value, dict) else None


def _finish(choices: list[Any]) -> str | None:
    first = choices[0] if choices and isinstance(choices[0], dict) else {}
    return _text(first.get("finish_reason"))


def _usage(completion: dict[str, Any]) -> Usage:
    usage = completion.get("usage")
    if not isinstance(usage, dict):
        return Usage()
    details = usage.get("prompt_tokens_details") or usage.get("input_tokens_details")
    cached = details.get("cached_tokens") if isinstance(details, dict) else None
    return Usage(
        prompt_tokens=_count(usage.get("prompt_tokens", usage.get("input_tokens"))),
        completion_tokens=_count(usage.get("completion_tokens", usage.get("output_tokens"))),
        cached_tokens=_count(cached),
    )


def _count(value: Any) -> int | None:
    counts = isinstance(value, int) and not isinstance(value, bool) and 0 <= value <= _MOST_COUNTED
    return value if counts else None


def _text(value: Any) -> str | None:
    return canonical.clean(value) if isinstance(value, str) and value else None
