"""The providers' own types as judges: every object and event is strictly one of theirs, and has nothing more."""

from __future__ import annotations

import json
from functools import cache
from typing import Any

import anthropic.types
import openai.types
import openai.types.chat
import openai.types.responses
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pydantic import BaseModel, TypeAdapter
from translated import ASKED, SURFACES, answers

WHOLE = {
    "completions": openai.types.Completion,
    "messages": anthropic.types.Message,
    "responses": openai.types.responses.Response,
}
EVENT: dict[str, Any] = {
    "completions": openai.types.Completion,
    "messages": anthropic.types.RawMessageStreamEvent,
    "responses": openai.types.responses.ResponseStreamEvent,
}
SAID_UNTYPED = {".store", ".frequency_penalty", ".presence_penalty"}  # by the API, without being in its types
surfaces = pytest.mark.parametrize("surface", list(SURFACES))
slow = settings(max_examples=50, suppress_health_check=list(HealthCheck), deadline=None)


@cache
def adapter(kind: Any) -> TypeAdapter[Any]:
    return TypeAdapter(kind)


def strictly(kind: Any, value: Any) -> Any:
    """Parse as a client would that trusts nothing, and give back what its types know of it."""
    parsed = adapter(kind).validate_json(json.dumps(value), strict=True)
    assert {one.removeprefix(".response") for one in unknown(parsed)} <= SAID_UNTYPED
    return parsed


def unknown(value: Any, at: str = "") -> list[str]:
    """Name the members that the types do not have."""
    if isinstance(value, BaseModel):
        found = [f"{at}.{name}" for name in value.model_extra or ()]
        members = [(name, getattr(value, name)) for name in type(value).model_fields]
        return found + [one for name, member in members for one in unknown(member, f"{at}.{name}")]
    if isinstance(value, list):
        return [one for i, element in enumerate(value) for one in unknown(element, f"{at}[{i}]")]
    return []


def finished(surface: str, event: dict[str, Any]) -> dict[str, Any]:
    """Put a reason into a chunk: the type of a whole text completion is the type of its chunks, too."""
    if surface != "completions":
        return event
    choices = [{**choice, "finish_reason": choice["finish_reason"] or "stop"} for choice in event["choices"]]
    return {**event, "choices": choices}


@surfaces
@slow
@given(data=st.data())
def test_answers_and_their_events_are_the_providers(surface, data):
    answer = SURFACES[surface].answer(data.draw(answers(surface)), ASKED)
    strictly(WHOLE[surface], answer)
    for name, event in SURFACES[surface].events(answer):
        assert surface == "completions" or event["type"] == name
        if name != "ping":  # which the SDK drops before it has a type
            strictly(EVENT[surface], finished(surface, event))


@surfaces
@slow
@given(data=st.data())
def test_completions_are_chat_completions(surface, data):
    answer = SURFACES[surface].answer(data.draw(answers(surface)), ASKED)
    strictly(openai.types.chat.ChatCompletion, SURFACES[surface].completion(answer))
