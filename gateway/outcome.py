"""The one outcome of an exchange, from what came back. Pure; knows no connection."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import msgspec

from gateway.capture.reading import Reading, is_stream, read
from gateway.upstream.port import UpstreamCut, UpstreamError, UpstreamTimeout
from store.vocabulary import Answer, Outcome

_OK = range(200, 300)
_TURN_ENDS = ("end_turn", "stop_sequence", "tool_use")


class Judged(msgspec.Struct, frozen=True, kw_only=True):
    """An answer with its outcome."""

    answer: Answer
    outcome: Outcome


def judge(surface: str, content_type: str, status: int, body: bytes, *, words: bool = True) -> Judged:
    """Read and classify an answer whose connection ended cleanly.

    The stream of a surface that is understood needs its end in it; of the others only the status is known.
    Without `words` the answer need not have all that was said, only what was used.
    """
    said = read(surface, content_type, status, body, words=words)
    if status not in _OK or said.failed:
        outcome = Outcome.ERROR
    elif surface not in _JUDGES:
        outcome = Outcome.COMPLETE
    elif is_stream(content_type) and not _ended(said):
        outcome = Outcome.UPSTREAM_CUT
    else:
        outcome = _JUDGES[surface](said.answer.completion)
    return Judged(answer=said.answer, outcome=outcome)


def of_answer(surface: str, content_type: str, status: int, body: bytes) -> Outcome:
    """Classify an answer whose connection ended cleanly."""
    return judge(surface, content_type, status, body).outcome


def of_completion(completion: dict[str, Any] | None) -> Outcome:
    """Classify a whole completion, of chat or of text: the worst of its choices counts."""
    choices = [c for c in (completion or {}).get("choices", []) if isinstance(c, dict)]
    if not choices:
        return Outcome.ERROR
    reasons = [choice.get("finish_reason") for choice in choices]  # of any type
    messages = [choice.get("message") for choice in choices]
    refusals = [message.get("refusal") for message in messages if isinstance(message, dict)]
    if "content_filter" in reasons or any(refusals):
        return Outcome.REFUSED
    return Outcome.LENGTH if "length" in reasons else Outcome.COMPLETE


def of_response(response: dict[str, Any] | None) -> Outcome:
    """Classify a response; one that is still in the making did not come to its end."""
    status = (response or {}).get("status")
    if status == "completed":
        return Outcome.REFUSED if any(_refusals(response or {})) else Outcome.COMPLETE
    if status == "incomplete":
        details = (response or {}).get("incomplete_details")
        filtered = isinstance(details, dict) and details.get("reason") == "content_filter"
        return Outcome.REFUSED if filtered else Outcome.LENGTH
    return Outcome.UPSTREAM_CUT if status in ("queued", "in_progress") else Outcome.ERROR


def _refusals(response: dict[str, Any]) -> Iterator[bool]:
    for item in response.get("output") or ():
        content = item.get("content") if isinstance(item, dict) else None
        for part in content if isinstance(content, list) else ():
            yield isinstance(part, dict) and part.get("type") == "refusal"


def of_message(message: dict[str, Any] | None) -> Outcome:
    """Classify an Anthropic message. A turn that has to be continued was cut short."""
    stop = (message or {}).get("stop_reason")
    if stop is None:
        return Outcome.ERROR
    if stop == "refusal":
        return Outcome.REFUSED
    return Outcome.COMPLETE if stop in _TURN_ENDS else Outcome.LENGTH


def of_error(error: UpstreamError) -> Outcome:
    """Classify an exchange that did not come to its end."""
    if isinstance(error, UpstreamTimeout):
        return Outcome.TIMEOUT
    return Outcome.UPSTREAM_CUT if isinstance(error, UpstreamCut) else Outcome.ERROR


def _ended(said: Reading) -> bool:
    """Tell whether a stream came to its end: by its mark or, where there are choices, by all of them."""
    choices = (said.answer.completion or {}).get("choices")
    told = [isinstance(one, dict) and bool(one.get("finish_reason")) for one in _list(choices)]
    return said.done or (bool(told) and all(told))


def _list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else []


_JUDGES: dict[str, Callable[[dict[str, Any] | None], Outcome]] = {
    "chat": of_completion,
    "completions": of_completion,
    "messages": of_message,
    "responses": of_response,
}
