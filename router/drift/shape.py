"""What an answer looks like, in a few words each of which it has or has not. Knows no reference and no test."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from router.pairs import WHOLE
from store.vocabulary import Outcome

REFUSED = "refused"
CUT = "cut off at its length limit"
_SHORT = 40  # characters of a label, or of a field's value
_KEYS = 12  # of a JSON answer that are named


@dataclass(frozen=True, kw_only=True, slots=True)
class Look:
    """An answer's form (`text`, a label, its JSON keys, the tools it calls), and all that it has besides."""

    form: str
    traits: frozenset[str]


def look(completion: Mapping[str, Any] | None, outcome: str) -> Look | None:
    """Give what a chat completion looks like; None where there is nothing to look at."""
    message, finish = _first(completion)
    if outcome == Outcome.REFUSED or message.get("refusal"):
        return Look(form=REFUSED, traits=frozenset({REFUSED}))
    if outcome not in {*WHOLE, Outcome.LENGTH} or not message:
        return None
    cut = {CUT} if outcome == Outcome.LENGTH or finish == "length" else set()
    form, more = _form(message)
    return Look(form=form, traits=frozenset({form, *more, *cut, _size(message)}))


def _first(completion: Mapping[str, Any] | None) -> tuple[Mapping[str, Any], str | None]:
    choices = (completion or {}).get("choices") or [{}]
    first = choices[0] if isinstance(choices[0], Mapping) else {}
    return first.get("message") or {}, first.get("finish_reason")


def _form(message: Mapping[str, Any]) -> tuple[str, set[str]]:
    if calls := message.get("tool_calls"):
        names = sorted({str(_function(call).get("name")) for call in calls})
        return f"calling {', '.join(names)[:80]}", set()
    text = (message.get("content") or "").strip() if isinstance(message.get("content"), str) else ""
    try:
        said = json.loads(text)
    except ValueError:
        said = None
    if isinstance(said, dict):
        keys = ", ".join(sorted(said)[:_KEYS])
        return f"JSON with {keys}", set(_values(said))
    short = 0 < len(text) <= _SHORT and "\n" not in text
    return f"“{text.casefold()}”" if short else "text", set()


def _function(call: Any) -> Mapping[str, Any]:
    found = call.get("function") if isinstance(call, Mapping) else None
    return found if isinstance(found, Mapping) else {}


def _values(said: Mapping[str, Any]) -> Iterator[str]:
    """Give the fields that may be one of a few values."""
    for key in sorted(said)[:_KEYS]:
        value = said[key]
        if value is None or isinstance(value, bool) or (isinstance(value, str) and len(value) <= _SHORT):
            yield f"{key} = {json.dumps(value, ensure_ascii=False)}"


def _size(message: Mapping[str, Any]) -> str:
    length = len(json.dumps(message.get("content"))) + len(json.dumps(message.get("tool_calls")))
    return f"of {1 << length.bit_length() - 1} characters and more, less than twice that"
