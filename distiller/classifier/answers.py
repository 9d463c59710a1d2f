"""The closed set of answers of a task: which mean the same, and how each is spelled. Pure; knows no encoder."""

from __future__ import annotations

import json
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from distiller.scoring import message as read
from distiller.scoring.metrics.normal import normal
from distiller.scoring.shape import Shape

MOST = 200  # different answers
COVERED = 0.98  # share of the calls whose answer was given at least twice
ROWS_EACH = 5  # calls for each answer, on average
_TWICE = 2


@dataclass(frozen=True, kw_only=True, slots=True)
class Answers:
    """A closed set. `messages[i]` is the usual spelling of the i-th answer; `classes` gives each row's, None for none."""

    messages: tuple[dict[str, Any], ...]
    classes: tuple[int | None, ...]


def collect(completions: Sequence[Mapping[str, Any]], shape: Shape) -> Answers:
    """Return the answers that were given at least twice, the most frequent first."""
    meanings = [meaning(message, shape) for message in completions]
    spelled: dict[str, Counter[str]] = defaultdict(Counter)
    for message, meant in zip(completions, meanings, strict=True):
        if meant is not None:
            spelled[meant][json.dumps(plain(message), ensure_ascii=False)] += 1
    often = {meant: spellings for meant, spellings in spelled.items() if spellings.total() >= _TWICE}
    order = sorted(often, key=lambda meant: (-often[meant].total(), meant))
    place = {meant: i for i, meant in enumerate(order)}
    usual = (max(often[meant].items(), key=lambda item: (item[1], item[0]))[0] for meant in order)
    return Answers(
        messages=tuple(json.loads(one) for one in usual),
        classes=tuple(None if meant is None else place.get(meant) for meant in meanings),
    )


def not_closed(answers: Answers, shape: Shape) -> str | None:
    """Return why these answers are no closed set that a classifier could learn, None where they are."""
    rows, known = len(answers.classes), sum(found is not None for found in answers.classes)
    different = len(answers.messages)
    if shape is Shape.TEXT or not known or known < COVERED * rows or different > MOST:
        return "the answers are no closed set"
    if different < _TWICE:
        return "all answers are the same"
    if known < ROWS_EACH * different:
        return f"{known} calls for {different} answers are too few: {ROWS_EACH} for each are needed"
    return None


def meaning(message: Mapping[str, Any], shape: Shape) -> str | None:
    """Return a key that two answers share exactly where the metric of the shape holds them to be equal; None for none."""
    if calls := read.tool_calls(message):
        if shape is not Shape.TOOL_CALL or any(call.arguments is None for call in calls):
            return None
        return "calls " + _key([[call.name, call.arguments] for call in calls])
    found = read.document(message) if shape is Shape.FIELDS else None
    if found is not None:
        return "json " + _key(found)
    return "text " + said if (said := normal(read.text(message))) else None


def plain(message: Mapping[str, Any]) -> dict[str, Any]:
    """Return what an assistant message says, less what is new in each answer (the ids of calls)."""
    calls = [_call(call) for call in message.get("tool_calls") or ()]
    rest = {key: message[key] for key in ("function_call",) if message.get(key)}
    said = {"role": "assistant", "content": message.get("content")}
    return {**said, **({"tool_calls": calls} if calls else {}), **rest}


def _call(call: Mapping[str, Any]) -> dict[str, Any]:
    function = call.get("function") or {}
    return {
        "type": "function",
        "function": {"name": function.get("name"), "arguments": function.get("arguments")},
    }


def _key(value: Any) -> str:
    return json.dumps(_canonical(value), sort_keys=True, ensure_ascii=False)


def _canonical(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _canonical(inner) for key, inner in value.items()}
    if isinstance(value, list):
        return [_canonical(inner) for inner in value]
    if isinstance(value, str):
        return normal(value)
    whole = isinstance(value, float) and value.is_integer()
    return int(value) if whole else value
