"""POST /v1/feedback: what an app or its user later says about a call. Knows no score's use."""

from __future__ import annotations

import math
import re
import time
from typing import Any

from gateway import canonical
from gateway.errors import Refusal
from gateway.keys import Caller
from store.ids import new_id
from store.vocabulary import Feedback

MOST = 1024 * 1024  # bytes of a feedback request
_LONGEST = {"id": 200, "label": 200, "comment": 20_000, "correction": 500_000}  # characters
_SAYS = ("score", "signal", "label", "comment", "correction")
_WORD = re.compile(r"(?=.{1,50}\Z)[a-z][a-z0-9]*(?:_[a-z0-9]+)*")


def read(body: bytes, caller: Caller) -> Feedback:
    """Read feedback. Raises `Refusal`: 400 where it is not a JSON object, 422 where a field is wrong."""
    try:
        given = canonical.loads(body)
    except (ValueError, RecursionError) as error:
        raise Refusal(400, f"The feedback is not JSON: {error}.", code="invalid_json") from error
    if not isinstance(given, dict):
        raise Refusal(400, "The feedback must be a JSON object.", code="invalid_json")
    unknown = sorted(set(given) - {"id", *_SAYS})
    if unknown:
        raise _wrong(str(unknown[0])[:50], f"is not known; use id and one of: {', '.join(_SAYS)}")
    target = _text(given, "id")
    if not target:
        raise _wrong("id", "is needed: the id of the completion, or the x-stillhouse-call-id of its answer")
    feedback = Feedback(
        feedback_id=new_id(),
        ts=time.time(),
        target=target,
        tenant=caller.tenant,
        key_id=caller.key_id,
        score=_score(given.get("score")),
        signal=_signal(given.get("signal")),
        label=_text(given, "label"),
        comment=_text(given, "comment"),
        correction=_text(given, "correction"),
    )
    if all(getattr(feedback, name) is None for name in _SAYS):
        raise _wrong("score", f"is missing: give at least one of {', '.join(_SAYS)}")
    return feedback


def _score(value: Any) -> float | None:
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        raise _wrong("score", "must be a number from 0 to 1")
    if not 0 <= value <= 1:
        raise _wrong("score", "must be a number from 0 to 1")
    return float(value)


def _signal(value: Any) -> str | None:
    """Return the word for what was done with the answer. Which words count, the task's policy says."""
    if value is None:
        return None
    if not isinstance(value, str) or not _WORD.fullmatch(value):
        raise _wrong("signal", "must be one snake_case word of at most 50 characters, as in accepted")
    return value


def _text(given: dict[str, Any], name: str) -> str | None:
    value = given.get(name)
    if value is None:
        return None
    if name == "correction" and isinstance(value, dict | list):
        value = canonical.dumps(value).decode()
    if not isinstance(value, str) or not value:
        raise _wrong(name, "must be a text that is not empty")
    if len(value) > _LONGEST[name]:
        raise _wrong(name, f"must not exceed {_LONGEST[name]} characters")
    return canonical.clean(value, _LONGEST[name])


def _wrong(param: str, what: str) -> Refusal:
    return Refusal(422, f"The feedback's field {param!r} {what}.", code="invalid_feedback", param=param)
