"""Langfuse: observations of the type GENERATION, from its API, its interface or a blob storage export, with scores.

Either spelling of a member's name is read (`startTime`, `start_time`). Traces say who asked and in which session; a score
of a trace is its generation's where it has but one.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable
from typing import Any

from stillhouse.importing import fields
from stillhouse.importing.found import Found, Object, Said, Unreadable
from stillhouse.importing.rows import Row

_NUMBERS = ("NUMERIC", "BOOLEAN")
_CACHED = ("input_cached_tokens", "cache_read_input_tokens", "input_cache_read")


def reader(rows: Iterable[Row]) -> Callable[[Object], list[Found]]:
    """Go through all rows for traces and scores; give the function that reads one row with what they say."""
    seen = _Seen()
    for row in rows:
        if row.value is not None:
            seen.note(row.value)
    return seen.exchanges


class _Seen:
    """Traces and scores by the ids that they speak of."""

    def __init__(self) -> None:
        self._traces: dict[str, Object] = {}
        self._scores: dict[str, dict[str, Said]] = {}  # by observation or trace, then by the score's own id
        self._generations: Counter[str] = Counter()  # by trace

    def note(self, value: Object) -> None:
        """Remember what a row says about others."""
        if _is_score(value):
            target = fields.text(_get(value, "observation_id")) or fields.text(_get(value, "trace_id"))
            if target is not None:
                own = fields.text(value.get("id")) or f"{target} {value.get('name')}"
                self._scores.setdefault(target, {})[own] = _score(value)
            return
        if _is_observation(value):
            if value.get("type") == "GENERATION" and (trace := fields.text(_get(value, "trace_id"))):
                self._generations[trace] += 1
            return
        if (own_id := fields.text(value.get("id"))) is not None:
            self._traces[own_id] = {name: _get(value, name) for name in ("user_id", "session_id")}
        for one in (*fields.a_list(value.get("observations")), *fields.a_list(value.get("scores"))):
            if isinstance(one, dict):
                self.note(one)

    def exchanges(self, value: Object) -> list[Found]:
        """Read one row; a trace gives the generations in it. Raises Unreadable."""
        if _is_score(value):
            return []
        if _is_observation(value):
            return [self._generation(value)]
        inside = [one for one in fields.a_list(value.get("observations")) if isinstance(one, dict)]
        generations = [one for one in inside if one.get("type") == "GENERATION"]
        if not generations and "observations" not in value and "timestamp" not in value:
            raise Unreadable("it is no observation, trace or score")
        return [self._generation(one) for one in generations]

    def _generation(self, value: Object) -> Found:
        if value.get("type") != "GENERATION":
            raise Unreadable("it is an observation of another type")
        if value.get("level") == "ERROR":
            raise Unreadable("the generation failed")
        own, trace = fields.text(value.get("id")) or "", fields.text(_get(value, "trace_id")) or ""
        around = self._traces.get(trace, {})
        started, ended = fields.when(_get(value, "start_time")), fields.when(_get(value, "end_time"))
        first = fields.when(_get(value, "completion_start_time"))
        model = fields.text(value.get("model")) or fields.text(_get(value, "provided_model_name"))
        said = [*self._scores.get(own, {}).values()]
        if self._generations[trace] == 1:
            said += self._scores.get(trace, {}).values()
        return Found(
            request=_request(value, model),
            answer=_answer(value, model),
            record=own,
            ts=started,
            user=fields.text(_get(value, "user_id")) or fields.text(around.get("user_id")),
            conversation=fields.text(_get(value, "session_id")) or fields.text(around.get("session_id")),
            duration_ms=1000 * max(0.0, ended - started) if started and ended else 0.0,
            first_byte_ms=1000 * max(0.0, first - started) if started and first else None,
            said=tuple(said),
        )


def _get(value: Object, name: str) -> Any:
    """Give a member by either spelling."""
    head, *rest = name.split("_")
    return value.get(name, value.get(head + "".join(part.capitalize() for part in rest)))


def _is_score(value: Object) -> bool:
    return _get(value, "data_type") is not None or ("value" in value and "source" in value)


def _is_observation(value: Object) -> bool:
    return fields.text(value.get("type")) is not None and _get(value, "start_time") is not None


def _score(value: Object) -> Said:
    kind = fields.text(_get(value, "data_type")) or "NUMERIC"
    name = fields.text(value.get("name")) or "score"
    words = fields.text(_get(value, "string_value"))
    comment, found = fields.text(value.get("comment")), fields.number(value.get("value"))
    ts = fields.when(value.get("timestamp"))
    if kind == "CORRECTION":
        return Said(name=name, ts=ts, correction=words, comment=comment)
    if kind in _NUMBERS and found is not None and 0 <= found <= 1:
        return Said(name=name, ts=ts, score=found, comment=comment)
    shown = words if words is not None or found is None else f"{found:g}"
    return Said(name=name, ts=ts, comment=": ".join(part for part in (shown, comment) if part) or None)


def _request(value: Object, model: str | None) -> Object:
    given = fields.parsed(value.get("input"))
    parameters = fields.options(fields.an_object(_get(value, "model_parameters")))
    asked: Object = {name: _plain(part) for name, part in parameters.items() if part != ""}
    if isinstance(given, dict):
        asked |= fields.options(given)
        given = given.get("messages")
    if isinstance(given, str) and given.strip():
        given = [{"role": "user", "content": given}]
    if model is not None:
        asked["model"] = model
    return {**asked, "messages": fields.messages(given)}


def _plain(value: Any) -> Any:
    """Give a parameter as it was sent: exports write numbers as text."""
    found = fields.number(value) if isinstance(value, str) else None
    if found is None:
        return fields.parsed(value)
    return int(found) if found.is_integer() and "." not in str(value) else found


def _answer(value: Object, model: str | None) -> Object:
    given = fields.parsed(value.get("output"))
    if isinstance(given, dict) and fields.surface(given) == "chat":
        return given
    if isinstance(given, list) and given and isinstance(given[-1], dict):
        given = given[-1]
    message = {"content": given} if isinstance(given, str) else given
    if not isinstance(message, dict) or message.get("role", "assistant") != "assistant":
        raise Unreadable("its output is no message")
    if not message.keys() & {"content", "tool_calls", "function_call", "refusal"}:
        raise Unreadable("its output is no message")
    own = fields.text(value.get("id"))
    return fields.completion(dict(message), model=model, id=own, usage=_usage(value))


def _usage(value: Object) -> Object | None:
    """Add up the kinds of tokens, as Langfuse itself does; older records have three counts."""
    details = fields.an_object(_get(value, "usage_details"))
    if not details:
        old = fields.an_object(value.get("usage"))
        prompt, answer = (old.get(name, value.get(other)) for name, other in _OLD)
        return fields.usage(fields.count(prompt), fields.count(answer))
    counts = {name: fields.count(tokens) or 0 for name, tokens in details.items()}
    prompt_tokens = sum(tokens for name, tokens in counts.items() if "input" in name)
    answer_tokens = sum(tokens for name, tokens in counts.items() if "output" in name)
    cached = [counts[name] for name in _CACHED if name in counts]
    return fields.usage(prompt_tokens, answer_tokens, sum(cached) if cached else None)


_OLD = (("input", "promptTokens"), ("output", "completionTokens"))
