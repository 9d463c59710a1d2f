"""The one outcome of an exchange, from what came back. Pure; knows no connection."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from gateway.capture.reading import Reading, is_stream, read
from gateway.upstream.port import UpstreamCut, UpstreamError, UpstreamTimeout
from store.vocabulary import Answer, Outcome

_OK = range(200, 300)


@dataclass(frozen=True, kw_only=True, slots=True)
class Judged:
    """An answer with its outcome."""

    answer: Answer
    outcome: Outcome


def judge(surface: str, content_type: str, status: int, body: bytes) -> Judged:
    """Read and classify an answer whose connection ended cleanly. A chat stream needs its end in it."""
    said = read(surface, content_type, status, body)
    if status not in _OK or said.failed:
        outcome = Outcome.ERROR
    elif surface != "chat":
        outcome = Outcome.COMPLETE
    elif is_stream(content_type) and not _ended(said):
        outcome = Outcome.UPSTREAM_CUT
    else:
        outcome = of_completion(said.answer.completion)
    return Judged(answer=said.answer, outcome=outcome)


def of_answer(surface: str, content_type: str, status: int, body: bytes) -> Outcome:
    """Classify an answer whose connection ended cleanly."""
    return judge(surface, content_type, status, body).outcome


def of_completion(completion: dict[str, Any] | None) -> Outcome:
    """Classify a whole completion: the worst of its choices counts."""
    choices = [c for c in (completion or {}).get("choices", []) if isinstance(c, dict)]
    if not choices:
        return Outcome.ERROR
    reasons = [choice.get("finish_reason") for choice in choices]  # of any type
    messages = [choice.get("message") for choice in choices]
    refusals = [message.get("refusal") for message in messages if isinstance(message, dict)]
    if "content_filter" in reasons or any(refusals):
        return Outcome.REFUSED
    return Outcome.LENGTH if "length" in reasons else Outcome.COMPLETE


def of_error(error: UpstreamError) -> Outcome:
    """Classify an exchange that did not come to its end."""
    if isinstance(error, UpstreamTimeout):
        return Outcome.TIMEOUT
    return Outcome.UPSTREAM_CUT if isinstance(error, UpstreamCut) else Outcome.ERROR


def _ended(said: Reading) -> bool:
    choices = (said.answer.completion or {}).get("choices", [])
    said_why = [isinstance(choice, dict) and bool(choice.get("finish_reason")) for choice in choices]
    return said.done or (bool(said_why) and all(said_why))
