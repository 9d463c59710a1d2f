"""One answer's bytes read into an `Answer`. Pure; never raises, whatever the bytes are."""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache, partial
from typing import Any

import msgspec

from gateway import canonical
from gateway.capture import chunks, messages, responses, sse, telling
from store.vocabulary import Answer, Usage

DONE = b"[DONE]"
_OK = range(200, 300)
EVENT_STREAM = "text/event-stream"
_MOST_COUNTED = 2**53  # tokens; more is no count, and no column holds it

Object = dict[str, Any]

_FOLDS: dict[str, Callable[[list[Object]], Object | None]] = {
    "completions": partial(chunks.fold, kind=chunks.TEXT),
    "messages": messages.fold,
    "responses": responses.fold,
}
_ENDS = {"messages": messages.ENDS, "responses": responses.ENDS}  # elsewhere it is `[DONE]`
_LISTS = {"chat": "choices", "completions": "choices", "messages": "content", "responses": "output"}
_FAILURES = ("error", "response.failed")


class Reading(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """An answer, and what its bytes say beyond it."""

    answer: Answer
    done: bool = False  # a stream's end mark is there
    failed: bool = False  # a stream holds an error event


def read_answer(surface: str, content_type: str, status: int, body: bytes) -> Answer:
    """Read an answer as it was sent, after content-decoding. What cannot be read is `completion=None`.

    A surface that is understood gives the whole object of its own, reassembled where it was streamed, and
    its own word for how it finished; any other gives the id and the usage only.
    """
    return read(surface, content_type, status, body).answer


def read(surface: str, content_type: str, status: int, body: bytes, *, words: bool = True) -> Reading:
    """Read an answer in one pass, for the log and for its outcome.

    Without `words` a chat stream that has its end mark is read no further than outcome, usage and id need.
    """
    if status not in _OK:
        return Reading(answer=Answer(completion=None))
    if not is_stream(content_type):
        return Reading(answer=_answer(surface, _object(body)))
    said, done = _stream(body, words=words or surface != "chat")
    if not (words or done):  # each of its choices counts
        said, done = _stream(body)
    if surface in _ENDS:
        done = any(event.get("type") in _ENDS[surface] for event in said)
    return Reading(
        answer=_answer(surface, _folded(surface, said)), done=done, failed=any(map(_is_failure, said))
    )


def _folded(surface: str, said: list[Object]) -> Object | None:
    try:
        return _FOLDS.get(surface, chunks.fold)(said)
    except RecursionError:
        return None


def _is_failure(event: Object) -> bool:
    return "choices" not in event and (bool(event.get("error")) or event.get("type") in _FAILURES)


def _answer(surface: str, completion: Object | None) -> Answer:
    if completion is None:
        return Answer(completion=None)
    if surface not in _LISTS:
        return Answer(completion=None, completion_id=_text(completion.get("id")), usage=_usage(completion))
    if not isinstance(completion.get(_LISTS[surface]), list):
        return Answer(completion=None)
    return Answer(
        completion=completion,
        completion_id=_text(completion.get("id")),
        finish_reason=_finish(surface, completion),
        usage=_message_usage(completion) if surface == "messages" else _usage(completion),
    )


@lru_cache(maxsize=256)
def is_stream(content_type: str) -> bool:
    """Tell whether a content type is that of server-sent events."""
    return content_type.partition(";")[0].strip().lower() == EVENT_STREAM


def _stream(body: bytes, *, words: bool = True) -> tuple[list[Object], bool]:
    """Give a stream's JSON objects up to `[DONE]`, and whether that came; broken data is left out.

    Without `words` those that tell nothing are left out, too, after the first that has a choice.
    """
    found: list[Object] = []
    begun = False
    marks = () if words else telling.marks(body)
    for data in sse.data(body):
        if DONE in data and data.strip() == DONE:
            return found, True
        if begun and not words and not telling.tells(data, marks):
            continue
        value = _object(data)
        if value is not None:
            found.append(value)
            begun = begun or bool(value.get("choices"))
    return found, False


def _object(data: bytes) -> Object | None:
    try:
        value = canonical.loads(data)
    except (ValueError, RecursionError, msgspec.MsgspecError):
        return None
    return value if isinstance(value, dict) else None


def _finish(surface: str, completion: Object) -> str | None:
    if surface == "messages":
        return _text(completion.get("stop_reason"))
    if surface == "responses":
        details = completion.get("incomplete_details")
        reason = details.get("reason") if isinstance(details, dict) else None
        return _text(reason) or _text(completion.get("status"))
    choices = completion["choices"]
    first = choices[0] if choices and isinstance(choices[0], dict) else {}
    return _text(first.get("finish_reason"))


def _usage(completion: Object) -> Usage:
    usage = completion.get("usage")
    if not isinstance(usage, dict):
        return Usage()
    details = usage.get("prompt_tokens_details") or usage.get("input_tokens_details")
    cached = details.get("cached_tokens") if isinstance(details, dict) else None
    return Usage(
        prompt_tokens=_count(usage.get("prompt_tokens", usage.get("input_tokens"))),
        completion_tokens=_count(usage.get("completion_tokens", usage.get("output_tokens"))),
        cached_tokens=_count(cached),
        kept_tokens=_count(details.get("cache_write_tokens")) if isinstance(details, dict) else None,
    )


def _message_usage(message: Object) -> Usage:
    """Anthropic counts what a cache gave and took beside the prompt; here the prompt is all of it."""
    usage = message.get("usage")
    if not isinstance(usage, dict):
        return Usage()
    fresh, cached = _count(usage.get("input_tokens")), _count(usage.get("cache_read_input_tokens"))
    kept, by_age = _count(usage.get("cache_creation_input_tokens")), usage.get("cache_creation")
    return Usage(
        prompt_tokens=None if fresh is None else _count(fresh + (cached or 0) + (kept or 0)),
        completion_tokens=_count(usage.get("output_tokens")),
        cached_tokens=cached,
        kept_tokens=kept,
        kept_1h_tokens=_count(by_age.get("ephemeral_1h_input_tokens")) if isinstance(by_age, dict) else None,
    )


def _count(value: Any) -> int | None:
    counts = isinstance(value, int) and not isinstance(value, bool) and 0 <= value <= _MOST_COUNTED
    return value if counts else None


def _text(value: Any) -> str | None:
    return canonical.clean(value) if isinstance(value, str) and value else None
