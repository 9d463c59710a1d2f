"""Translations lose nothing of what they accept, and refuse the rest in one word."""

from __future__ import annotations

import json
from collections.abc import Callable
from copy import deepcopy
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from translated import ASKED, JSON, SSE, SURFACES, answers, requests, streamed
from written import messages_body, responses_body

from gateway import outcome
from gateway.capture.reading import read
from gateway.translate import Untranslatable, messages, responses
from store.vocabulary import Outcome

surfaces = pytest.mark.parametrize("surface", list(SURFACES))
slow = settings(suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large])


@slow
@given(requests("responses"), st.booleans())
def test_a_chat_request_said_to_responses_reads_as_itself(chat, long):
    assert responses.request(responses_body(chat, long=long)) == chat


@slow
@given(requests("messages"), st.booleans())
def test_a_chat_request_said_to_messages_reads_as_itself(chat, long):
    assert messages.request(messages_body(chat, long=long)) == chat


def common(surface: str, completion: dict[str, Any]) -> dict[str, Any]:
    """Give what both know: the model is the app's, ids and tier are made anew, a message has no time."""
    unknown = {"id", "model", "service_tier", *(("created",) if surface == "messages" else ())}
    return {name: said for name, said in completion.items() if name not in unknown}


@surfaces
@slow
@given(data=st.data())
def test_an_answer_reads_as_the_completion_that_it_was_made_of(surface, data):
    completion = data.draw(answers(surface))
    before = deepcopy(completion)
    told = SURFACES[surface].completion(SURFACES[surface].answer(completion, ASKED))
    assert common(surface, told) == common(surface, completion)
    assert completion == before
    assert told["model"] == "asked-model"


@surfaces
@slow
@given(data=st.data())
def test_a_stream_reads_as_the_whole_answer(surface, data):
    answer = SURFACES[surface].answer(data.draw(answers(surface)), ASKED)
    whole = json.dumps(answer).encode()
    reading = read(surface, SSE, 200, streamed(surface, answer))
    assert reading.answer == read(surface, JSON, 200, whole).answer
    assert reading.answer.completion == answer
    assert (reading.done, reading.failed) == (True, False)
    assert outcome.of_answer(surface, SSE, 200, streamed(surface, answer)) is outcome.of_answer(
        surface, JSON, 200, whole
    )


def _said(surface: str, answer: dict[str, Any]) -> Any:
    """Give what was said; the usage of text completions comes after their end."""
    return answer["choices"] if surface == "completions" else answer


@surfaces
@slow
@given(data=st.data())
def test_a_stream_that_was_cut_is_never_complete(surface, data):
    answer = SURFACES[surface].answer(data.draw(answers(surface)), ASKED)
    body = streamed(surface, answer)
    cut = body[: data.draw(st.integers(0, len(body)))]
    judged = outcome.judge(surface, SSE, 200, cut)
    if judged.outcome is not Outcome.UPSTREAM_CUT:
        assert judged.outcome is outcome.of_answer(surface, SSE, 200, body)
        assert _said(surface, judged.answer.completion) == _said(surface, answer)


@surfaces
@slow
@given(data=st.data())
def test_a_damaged_stream_is_read_without_an_exception(surface, data):
    body = bytearray(streamed(surface, SURFACES[surface].answer(data.draw(answers(surface)), ASKED)))
    for _ in range(data.draw(st.integers(1, 8))):
        body[data.draw(st.integers(0, len(body) - 1))] = data.draw(st.integers(0, 255))
    blocks = bytes(body).split(b"\n\n")
    order = data.draw(st.permutations(range(len(blocks)))) if data.draw(st.booleans()) else range(len(blocks))
    read(surface, SSE, 200, b"\n\n".join(blocks[at] for at in order))
    assert outcome.of_answer(surface, SSE, 200, bytes(body)) in Outcome


member = st.sampled_from([
    "type", "index", "delta", "content", "content_block", "message", "usage", "partial_json", "citation", "response",
    "output", "output_index", "content_index", "summary_index", "item", "part", "text", "logprobs", "annotation", "error",
    "input", "role", "messages", "system", "tools", "tool_choice", "choices", "stop_reason", "status", "finish_reason",
    "incomplete_details", "metadata", "output_config", "format", "reasoning", "include", "prompt", "source", "id", "name",
    "call_id", "arguments", "thinking", "image_url", "created_at", "refusal", "tool_calls", "function", "annotations",
])  # fmt: skip
word = st.sampled_from([
    "message", "function_call", "function_call_output", "text", "tool_use", "tool_result", "user", "assistant", "input_text",
    "output_text", "message_start", "message_delta", "message_stop", "content_block_start", "content_block_delta", "image",
    "response.output_item.added", "response.output_text.delta", "response.content_part.added", "response.completed",
    "response.output_text.annotation.added", "response.function_call_arguments.done", "completed", "incomplete", "end_turn",
    "stop", "json_schema", "function", "allowed_tools", "tool", "thinking", "reasoning", "input_image", "base64", "url",
])  # fmt: skip
leaf = st.none() | st.booleans() | st.integers(-1, 3) | st.floats() | st.text(max_size=3) | word
shape = st.recursive(
    leaf, lambda s: st.lists(s, max_size=3) | st.dictionaries(member, s, max_size=6), max_leaves=20
)
thing = st.dictionaries(member, shape, max_size=8)


@surfaces
@slow
@given(events=st.lists(thing, max_size=4), one=shape)
def test_events_of_any_shape_are_read_without_an_exception(surface, events, one):
    body = b"".join(b"data: " + json.dumps(event).encode() + b"\n\n" for event in events)
    for kind, data in ((SSE, body), (JSON, json.dumps(one).encode())):
        read(surface, kind, 200, data)
        assert outcome.of_answer(surface, kind, 200, data) in Outcome


def refusal(translation: Callable[[Any], Any], body: Any) -> str:
    try:
        translation(body)
    except Untranslatable as refused:
        return refused.reason
    return "none"


@surfaces
@slow
@given(body=thing)
def test_what_is_not_understood_is_refused_in_one_word(surface, body):
    given_ = deepcopy(body)
    for translation in (SURFACES[surface].request, SURFACES[surface].completion):
        assert refusal(translation, body).replace("_", "").isalpha()
    assert repr(body) == repr(given_)


@surfaces
@pytest.mark.parametrize("depth", [400, 5000])
def test_a_stream_nested_too_deeply_is_read_without_an_exception(surface, depth):
    deep = b'{"a":' * depth + b"1" + b"}" * depth
    events = [
        b'{"choices":[{"index":0,"logprobs":' + deep + b"}]}",
        b'{"type":"content_block_delta","delta":' + deep + b"}",
    ]
    read(surface, SSE, 200, b"".join(b"data: " + event + b"\n\n" for event in events))
