"""Answers read for the log: nothing lost, garbage survived, outcomes exact."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st
from upstream import Upstream, stream_lines

from gateway import outcome
from gateway.capture import read_answer
from gateway.capture.sse import events, split
from store.vocabulary import Outcome

SSE = "text/event-stream; charset=utf-8"
JSON = "application/json"


def chunk(delta=None, *, index=0, reason=None, **more):
    choice = {"index": index, "delta": delta or {}, "finish_reason": reason, **more}
    return {"id": "c1", "object": "chat.completion.chunk", "created": 1, "model": "m", "choices": [choice]}


def streamed(*chunks, done=True):
    lines = [b"data: " + json.dumps(c).encode() + b"\n\n" for c in chunks]
    return b"".join([*lines, b"data: [DONE]\n\n" if done else b""])


@pytest.mark.parametrize("extra", [{}, {"n": 3}, {"tools": [1]}, {"tools": [1], "n": 2}])
def test_a_stream_reads_as_the_whole_answer_would(extra):
    asked = {"model": "m", "stream_options": {"include_usage": True}, **extra}
    whole = Upstream().completion(asked)
    answer = read_answer("chat", SSE, 200, b"".join(stream_lines(whole, asked)))
    plain = read_answer("chat", JSON, 200, json.dumps(whole).encode())
    assert answer.completion is not None
    for got, want in zip(answer.completion["choices"], whole["choices"], strict=True):
        assert got["message"]["content"] == want["message"]["content"]
        assert got["message"].get("tool_calls") == want["message"].get("tool_calls")
    assert (answer.completion_id, answer.finish_reason, answer.usage) == (
        plain.completion_id, plain.finish_reason, plain.usage,
    )  # fmt: skip
    assert answer.usage.cached_tokens == 0  # zero stays zero
    assert answer.completion["system_fingerprint"] == "fp_1"
    assert answer.completion["object"] == "chat.completion"


def test_every_log_probability_is_kept():
    parts = [
        chunk({"content": c}, logprobs={"content": [{"token": c, "logprob": -1.0}], "refusal": None})
        for c in "abc"
    ]
    answer = read_answer("chat", SSE, 200, streamed(*parts, chunk(reason="stop")))
    assert [t["token"] for t in answer.completion["choices"][0]["logprobs"]["content"]] == ["a", "b", "c"]


def test_a_tool_id_in_every_chunk_is_one_id_and_interleaved_calls_stay_apart():
    def part(i, arguments, name="f"):
        return chunk(
            {
                "tool_calls": [
                    {
                        "index": i,
                        "id": f"id{i}",
                        "type": "function",
                        "function": {"name": name, "arguments": arguments},
                    }
                ]
            }
        )

    body = streamed(part(1, "{"), part(0, "["), part(1, "}"), part(0, "]"), chunk(reason="tool_calls"))
    calls = read_answer("chat", SSE, 200, body).message["tool_calls"]
    assert [(c["id"], c["function"]["name"], c["function"]["arguments"]) for c in calls] == [
        ("id0", "f", "[]"),
        ("id1", "f", "{}"),
    ]
    assert all("index" not in c for c in calls)


def test_refusals_reasoning_annotations_and_unknown_members_are_kept():
    body = streamed(
        chunk({"role": "assistant", "refusal": "I "}),
        chunk({"refusal": "can't", "reasoning_content": "hm", "annotations": [{"type": "url_citation"}]}),
        chunk(
            {
                "reasoning_content": "m",
                "annotations": [{"type": "file"}],
                "x_new": {"a": "1"},
                "reasoning_details": [{"t": "a"}],
            }
        ),
        chunk({"x_new": {"a": "2"}, "reasoning_details": [{"t": "b"}]}),
        chunk(reason="stop"),
    )
    message = read_answer("chat", SSE, 200, body).message
    assert message["refusal"] == "I can't"
    assert message["reasoning_content"] == "hmm"
    assert len(message["annotations"]) == 2
    assert message["x_new"] == {"a": "12"}
    assert message["reasoning_details"] == [{"t": "a"}, {"t": "b"}]
    assert outcome.of_answer("chat", SSE, 200, body) is Outcome.REFUSED


def test_a_usage_chunk_with_choices_counts_too():
    last = {**chunk(reason="stop"), "usage": {"prompt_tokens": 1, "completion_tokens": 2}}
    answer = read_answer("chat", SSE, 200, streamed(chunk({"content": "a"}), {**last}))
    assert (answer.usage.prompt_tokens, answer.usage.completion_tokens, answer.usage.cached_tokens) == (
        1,
        2,
        None,
    )


def test_pings_comments_ids_and_empty_data_do_no_harm():
    body = (
        b': ping\n\nid: 7\n\n: x\nretry: 3\n\nevent: ping\ndata: {"type":"ping"}\n\ndata: \n\ndata: nonsense\n\n'
        + streamed(chunk({"content": "a"}), chunk(reason="stop"))
    )
    assert read_answer("chat", SSE, 200, body.replace(b"\n", b"\r\n")).message["content"] == "a"


@pytest.mark.parametrize(
    ("content_type", "status", "body", "expected"),
    [
        (SSE, 200, streamed(chunk({"content": "a"}), done=False), Outcome.UPSTREAM_CUT),
        (SSE, 200, streamed(chunk({"content": "a"}), chunk(reason="stop"), done=False), Outcome.COMPLETE),
        (SSE, 200, streamed(chunk({"content": "a"}, reason="length")), Outcome.LENGTH),
        (SSE, 200, streamed(chunk({"content": "a"}, reason="content_filter")), Outcome.REFUSED),
        (SSE, 200, streamed({"error": {"message": "x"}}, done=False), Outcome.ERROR),
        (SSE, 200, b"", Outcome.UPSTREAM_CUT),
        (JSON, 200, b'{"choices":[{"message":{"content":"a"},"finish_reason":"stop"}]}', Outcome.COMPLETE),
        (JSON, 200, b'{"choices":[{"message":{"refusal":"a"},"finish_reason":"stop"}]}', Outcome.REFUSED),
        (JSON, 200, b'{"choices":[]}', Outcome.ERROR),
        (JSON, 200, b"<html>", Outcome.ERROR),
        (JSON, 500, b'{"choices":[{}]}', Outcome.ERROR),
    ],
)
def test_outcomes(content_type, status, body, expected):
    assert outcome.of_answer("chat", content_type, status, body) is expected


@given(st.binary(max_size=300), st.sampled_from([SSE, JSON, ""]), st.sampled_from(["chat", "opaque"]))
def test_garbage_is_an_answer_without_completion(body, kind, surface):
    assert read_answer(surface, kind, 200, body).completion is None or surface == "chat"
    assert outcome.of_answer("chat", kind, 200, body) in Outcome


json_value = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=4),
    lambda s: st.lists(s, max_size=3) | st.dictionaries(st.sampled_from(
        ["choices", "delta", "index", "message", "tool_calls", "function", "logprobs", "content", "usage", "finish_reason",
         "prompt_tokens_details", "error", "refusal"]), s, max_size=5),
    max_leaves=15,
)  # fmt: skip


@given(st.lists(json_value, max_size=4), json_value)
def test_answers_of_any_shape_are_read_without_an_exception(values, one):
    body = b"".join(b"data: " + json.dumps(v).encode() + b"\n\n" for v in values)
    for kind, data in ((SSE, body), (JSON, json.dumps(one).encode())):
        read_answer("chat", kind, 200, data)
        assert outcome.of_answer("chat", kind, 200, data) in Outcome


def test_an_opaque_answer_gives_its_id_and_usage():
    answer = read_answer("opaque", JSON, 200, b'{"id":"resp_1","usage":{"input_tokens":3,"output_tokens":4}}')
    assert (answer.completion_id, answer.usage.prompt_tokens, answer.usage.completion_tokens) == (
        "resp_1",
        3,
        4,
    )


@given(st.lists(st.sampled_from([b"data: a", b"data:b", b": c", b"event: e", b"", b"id: 1"]), max_size=12))
def test_splitting_loses_no_byte(lines):
    body = b"\n".join(lines)
    blocks, rest = split(body)
    assert b"".join(blocks) + rest == body
    assert [e for b in blocks for e in events(b)] + list(events(rest)) == list(events(body))
