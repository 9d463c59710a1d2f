"""One answer's bytes read into an `Answer`. Pure; never raises, whatever the bytes are."""

from __future__ import annotations

from typing import Any

import msgspec

from gateway import canonical
from gateway.capture import chunks, sse
from store.vocabulary import Answer, Usage

DONE = b"[DONE]"
_OK = range(200, 300)
EVENT_STREAM = "text/event-stream"


def read_answer(surface: str, content_type: str, status: int, body: bytes) -> Answer:
    """Read an answer as it was sent, after content-decoding. What cannot be read is `completion=None`.

    `surface` "chat" gives the whole completion object, reassembled where it was streamed; any other
    surface gives the id and the usage only.
    """
    if status not in _OK:
        return Answer(completion=None)
    completion = chunks.fold(stream_objects(body)) if is_stream(content_type) else _object(body)
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


def stream_objects(body: bytes) -> list[dict[str, Any]]:
    """Give the JSON objects of a stream up to `[DONE]`; comments, pings and broken data are left out."""
    found = []
    for event in sse.events(body):
        if event.data.strip() == DONE:
            break
        value = _object(event.data)
        if value is not None:
            found.append(value)
    return found


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
    return value if isinstance(value, int) and not isinstance(value, bool) else None


def _text(value: Any) -> str | None:
    return canonical.clean(value) if isinstance(value, str) and value else None
