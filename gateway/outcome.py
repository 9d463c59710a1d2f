"""The one outcome of an exchange, from what came back. Pure; knows no connection."""

from __future__ import annotations

from typing import Any

from gateway.capture import read_answer
from gateway.capture.reading import DONE, is_stream, stream_objects
from gateway.capture.sse import events
from gateway.upstream.port import UpstreamCut, UpstreamError, UpstreamTimeout
from store.vocabulary import Answer, Outcome

_OK = range(200, 300)


def of_answer(surface: str, content_type: str, status: int, body: bytes) -> Outcome:
    """Classify an answer whose connection ended cleanly. A chat stream needs its end in it."""
    if status not in _OK:
        return Outcome.ERROR
    if surface != "chat":
        return Outcome.COMPLETE
    answer = read_answer(surface, content_type, status, body)
    if is_stream(content_type):
        if any("error" in chunk and "choices" not in chunk for chunk in stream_objects(body)):
            return Outcome.ERROR
        if not _ended(answer, body):
            return Outcome.UPSTREAM_CUT
    return of_completion(answer.completion)


def of_completion(completion: dict[str, Any] | None) -> Outcome:
    """Classify a whole completion: the worst of its choices counts."""
    choices = [c for c in (completion or {}).get("choices", []) if isinstance(c, dict)]
    if not choices:
        return Outcome.ERROR
    reasons = {choice.get("finish_reason") for choice in choices}
    if "content_filter" in reasons or any((c.get("message") or {}).get("refusal") for c in choices):
        return Outcome.REFUSED
    return Outcome.LENGTH if "length" in reasons else Outcome.COMPLETE


def of_error(error: UpstreamError) -> Outcome:
    """Classify an exchange that did not come to its end."""
    if isinstance(error, UpstreamTimeout):
        return Outcome.TIMEOUT
    return Outcome.UPSTREAM_CUT if isinstance(error, UpstreamCut) else Outcome.ERROR


def _ended(answer: Answer, body: bytes) -> bool:
    choices = (answer.completion or {}).get("choices", [])
    finished = bool(choices) and all(choice.get("finish_reason") for choice in choices)
    return finished or any(event.data.strip() == DONE for event in events(body))
