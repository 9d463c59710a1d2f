"""Streams of the other surfaces as providers send them: folded whole, cut ones told apart, outcomes exact."""

from __future__ import annotations

import json

import pytest
from translated import JSON, SSE, wire

from gateway import outcome
from gateway.capture import read_answer
from gateway.capture.reading import read
from store.vocabulary import Outcome


def typed(*events):
    return [(event["type"], event) for event in events]


def item(kind, at, **more):
    return {"type": f"response.output_item.{kind}", "output_index": at, "item": more}


def delta(of, at, text, **more):
    return {"type": f"response.{of}.delta", "output_index": at, "delta": text, **more}


USAGE = {
    "input_tokens": 8, "input_tokens_details": {"cached_tokens": 0}, "output_tokens": 5,
    "output_tokens_details": {"reasoning_tokens": 2}, "total_tokens": 13,
}  # fmt: skip
REASONING = {"id": "rs_1", "type": "reasoning", "summary": [{"type": "summary_text", "text": "Hm. So."}],
             "encrypted_content": "gAAAA", "status": "completed"}  # fmt: skip
CREATED = {
    "id": "resp_1",
    "object": "response",
    "status": "in_progress",
    "output": [],
    "usage": None,
    "model": "gpt-x",
}
RESPONSE = (
    {"type": "response.created", "response": CREATED, "sequence_number": 0},
    item("added", 0, id="rs_1", type="reasoning", summary=[]),
    {"type": "response.reasoning_summary_part.added", "output_index": 0, "summary_index": 0,
     "part": {"type": "summary_text", "text": ""}},
    delta("reasoning_summary_text", 0, "Hm. ", summary_index=0),
    delta("reasoning_summary_text", 0, "So.", summary_index=0),
    item("done", 0, **REASONING),
    item("added", 1, id="msg_1", type="message", role="assistant", content=[]),
    {"type": "response.content_part.added", "output_index": 1, "content_index": 0,
     "part": {"type": "output_text", "text": "", "annotations": []}},
    delta("output_text", 1, "See ", content_index=0, logprobs=[{"token": "See ", "logprob": -1.0}]),
    delta("output_text", 1, "x.", content_index=0, logprobs=[{"token": "x", "logprob": -2.0}, {"token": ".", "logprob": -3.0}]),
    {"type": "response.output_text.annotation.added", "output_index": 1, "content_index": 0, "annotation_index": 0,
     "annotation": {"type": "url_citation", "url": "https://x"}},
    {"type": "response.output_text.annotation.added", "output_index": 1, "content_index": 0, "annotation_index": 1,
     "annotation": {"type": "url_citation", "url": "https://y"}},
    item("added", 2, id="fc_1", type="function_call", call_id="call_1", name="f", arguments=""),
    item("added", 3, id="fc_2", type="function_call", call_id="call_2", name="g", arguments=""),
    delta("function_call_arguments", 3, "[", item_id="fc_2"),
    delta("function_call_arguments", 2, "{", item_id="fc_1"),
    delta("function_call_arguments", 3, "]", item_id="fc_2"),
    delta("function_call_arguments", 2, "}", item_id="fc_1"),
    item("added", 4, id="msg_2", type="message", role="assistant", content=[]),
    delta("refusal", 4, "I ", content_index=0),
    delta("refusal", 4, "can't", content_index=0),
)  # fmt: skip


def test_a_response_is_put_together_from_its_events():
    """Every item, part, annotation and log probability; interleaved calls keep their ids."""
    answer = read_answer("responses", SSE, 200, wire(typed(*RESPONSE)))
    reasoned, spoken, first, second, refused = answer.completion["output"]
    assert reasoned == REASONING
    (part,) = spoken["content"]
    assert part["text"] == "See x."
    assert [entry["token"] for entry in part["logprobs"]] == ["See ", "x", "."]
    assert [one["url"] for one in part["annotations"]] == ["https://x", "https://y"]
    assert [(c["call_id"], c["name"], c["arguments"]) for c in (first, second)] == [
        ("call_1", "f", "{}"),
        ("call_2", "g", "[]"),
    ]
    assert refused["content"] == [{"type": "refusal", "refusal": "I can't"}]
    assert (answer.completion_id, answer.completion["model"]) == ("resp_1", "gpt-x")


@pytest.mark.parametrize("told", [True, False])
def test_the_last_event_says_the_whole_response_or_leaves_its_output_to_the_others(told):
    output = [REASONING]
    last = {**CREATED, "status": "completed", "output": output if told else [], "usage": USAGE}
    events = typed(*RESPONSE[:6], {"type": "response.completed", "response": last, "sequence_number": 9})
    reading = read("responses", SSE, 200, wire(events))
    assert reading.done
    assert reading.answer.completion == {**last, "output": output}
    usage = reading.answer.usage
    assert (usage.prompt_tokens, usage.completion_tokens, usage.cached_tokens) == (8, 5, 0)  # zero stays zero
    assert reading.answer.finish_reason == "completed"


STARTED = {
    "id": "msg_1", "type": "message", "role": "assistant", "model": "claude-x", "content": [], "stop_reason": None,
    "stop_sequence": None, "usage": {"input_tokens": 20, "cache_creation_input_tokens": 3, "cache_read_input_tokens": 0,
                                      "output_tokens": 1},
}  # fmt: skip


def start(index, **block):
    return {"type": "content_block_start", "index": index, "content_block": block}


def more(index, kind, **said):
    return {"type": "content_block_delta", "index": index, "delta": {"type": kind, **said}}


def stop(reason, **usage):
    ended = {"type": "message_delta", "delta": {"stop_reason": reason, "stop_sequence": None}, "usage": usage}
    return (ended, {"type": "message_stop"})


MESSAGE = (
    {"type": "message_start", "message": STARTED},
    start(0, type="thinking", thinking="", signature=""),
    {"type": "ping"},
    more(0, "thinking_delta", thinking="Hm"),
    more(0, "thinking_delta", thinking="."),
    more(0, "signature_delta", signature="EqQB"),
    {"type": "content_block_stop", "index": 0},
    start(1, type="text", text=""),
    more(1, "text_delta", text="See "),
    more(1, "citations_delta", citation={"type": "char_location", "cited_text": "a"}),
    more(1, "text_delta", text="x."),
    more(1, "citations_delta", citation={"type": "char_location", "cited_text": "b"}),
    start(2, type="tool_use", id="toolu_1", name="f", input={}),
    start(3, type="tool_use", id="toolu_2", name="g", input={}),
    more(3, "input_json_delta", partial_json=""),
    more(2, "input_json_delta", partial_json='{"a": [1'),
    more(3, "input_json_delta", partial_json='{"b":'),
    more(2, "input_json_delta", partial_json=", 2]}"),
    more(3, "input_json_delta", partial_json=" null}"),
    start(4, type="tool_use", id="toolu_3", name="h", input={}),
)


def test_a_message_is_put_together_from_its_events():
    """Thinking with its signature, citations, and interleaved calls with their ids and inputs."""
    reading = read("messages", SSE, 200, wire(typed(*MESSAGE, *stop("tool_use", output_tokens=42))))
    assert (reading.done, reading.failed) == (True, False)
    assert reading.answer.completion == {
        **STARTED,
        "content": [
            {"type": "thinking", "thinking": "Hm.", "signature": "EqQB"},
            {"type": "text", "text": "See x.", "citations": [
                {"type": "char_location", "cited_text": "a"}, {"type": "char_location", "cited_text": "b"}]},
            {"type": "tool_use", "id": "toolu_1", "name": "f", "input": {"a": [1, 2]}},
            {"type": "tool_use", "id": "toolu_2", "name": "g", "input": {"b": None}},
            {"type": "tool_use", "id": "toolu_3", "name": "h", "input": {}},
        ],
        "stop_reason": "tool_use",
        "usage": {**STARTED["usage"], "output_tokens": 42},
    }  # fmt: skip
    assert (reading.answer.completion_id, reading.answer.finish_reason) == ("msg_1", "tool_use")
    usage = reading.answer.usage
    assert (usage.prompt_tokens, usage.completion_tokens, usage.cached_tokens) == (23, 42, 0)


def test_what_stopped_a_message_is_what_its_end_says():
    begun = {**STARTED, "stop_details": {"type": "refusal"}, "container": {"id": "c"}}
    ended = {"stop_reason": "end_turn", "stop_details": None, "container": None}
    body = wire(typed({"type": "message_start", "message": begun}, {"type": "message_delta", "delta": ended}))
    answer = read_answer("messages", SSE, 200, body).completion
    assert answer == {**begun, "stop_reason": "end_turn", "stop_details": None}


def test_an_input_that_broke_off_is_kept_as_it_came():
    body = wire(typed(*MESSAGE[:1], start(0, type="tool_use", id="toolu_1", name="f", input={}),
                      more(0, "input_json_delta", partial_json='{"a": [1'), *stop("max_tokens", output_tokens=9)))  # fmt: skip
    (block,) = read_answer("messages", SSE, 200, body).completion["content"]
    assert (block["input"], block["partial_json"]) == ({}, '{"a": [1')
    assert outcome.of_answer("messages", SSE, 200, body) is Outcome.LENGTH


def text(said, *, index=0, reason=None, **more):
    choice = {"text": said, "index": index, "logprobs": None, "finish_reason": reason, **more}
    return (
        "",
        {"id": "cmpl-1", "object": "text_completion", "created": 1, "model": "m", "choices": [choice]},
    )


def logprobs(*tokens, offset):
    return {
        "tokens": [*tokens],
        "token_logprobs": [-1.0] * len(tokens),
        "top_logprobs": None,
        "text_offset": [offset],
    }


def test_a_text_completion_keeps_all_choices_and_log_probabilities():
    last = text("", reason="stop")[1] | {"usage": {"prompt_tokens": 2, "completion_tokens": 3, "prompt_tokens_details":
                                                   {"cached_tokens": 0}}}  # fmt: skip
    body = wire([text("a", logprobs=logprobs("a", offset=0)), text("x", index=1), text("b", logprobs=logprobs("b", offset=1)),
                 text("", index=1, reason="length"), ("", last)], done=True)  # fmt: skip
    answer = read_answer("completions", SSE, 200, body)
    first, second = answer.completion["choices"]
    assert (first["text"], second["text"]) == ("ab", "x")
    assert (first["logprobs"]["tokens"], first["logprobs"]["text_offset"]) == (["a", "b"], [0, 1])
    assert (first["finish_reason"], second["finish_reason"]) == ("stop", "length")
    assert answer.completion["object"] == "text_completion"
    assert (answer.usage.prompt_tokens, answer.usage.cached_tokens) == (2, 0)
    assert outcome.of_answer("completions", SSE, 200, body) is Outcome.LENGTH


def ended(status, **more):
    return wire(typed({"type": f"response.{status}", "response": {**CREATED, "status": status, **more}}))


def whole(**more):
    return json.dumps({"output": [], "content": [], **more}).encode()


ERROR = {"type": "error", "error": {"type": "overloaded_error", "message": "Overloaded"}}


@pytest.mark.parametrize(
    ("surface", "kind", "body", "expected"),
    [
        ("responses", SSE, ended("completed"), Outcome.COMPLETE),
        ("responses", SSE, ended("completed", output=[{"content": [{"type": "refusal"}]}]), Outcome.REFUSED),
        ("responses", SSE, ended("incomplete", incomplete_details={"reason": "max_output_tokens"}), Outcome.LENGTH),
        ("responses", SSE, ended("incomplete", incomplete_details={"reason": "content_filter"}), Outcome.REFUSED),
        ("responses", SSE, ended("failed", error={"code": "server_error"}), Outcome.ERROR),
        ("responses", SSE, ended("cancelled"), Outcome.ERROR),
        ("responses", SSE, wire(typed(*RESPONSE)), Outcome.UPSTREAM_CUT),
        ("responses", SSE, wire(typed(*RESPONSE), done=True), Outcome.UPSTREAM_CUT),
        ("responses", SSE, wire(typed(*RESPONSE, {"type": "error", "code": None, "message": "x"})), Outcome.ERROR),
        ("responses", SSE, wire([*typed(*RESPONSE), ("", {"error": {"message": "x"}})]), Outcome.ERROR),
        ("responses", JSON, whole(status="completed"), Outcome.COMPLETE),
        ("responses", JSON, whole(status="incomplete", incomplete_details=None), Outcome.LENGTH),
        ("responses", JSON, whole(status="queued"), Outcome.UPSTREAM_CUT),
        ("responses", JSON, whole(status="failed"), Outcome.ERROR),
        ("responses", JSON, b'{"status":"completed"}', Outcome.ERROR),
        ("messages", SSE, wire(typed(*MESSAGE, *stop("end_turn"))), Outcome.COMPLETE),
        ("messages", SSE, wire(typed(*MESSAGE, *stop("stop_sequence"))), Outcome.COMPLETE),
        ("messages", SSE, wire(typed(*MESSAGE, *stop("refusal"))), Outcome.REFUSED),
        ("messages", SSE, wire(typed(*MESSAGE, *stop("pause_turn"))), Outcome.LENGTH),
        ("messages", SSE, wire(typed(*MESSAGE, *stop("model_context_window_exceeded"))), Outcome.LENGTH),
        ("messages", SSE, wire(typed(*MESSAGE, stop("end_turn")[0])), Outcome.UPSTREAM_CUT),
        ("messages", SSE, wire(typed(*MESSAGE), done=True), Outcome.UPSTREAM_CUT),
        ("messages", SSE, wire(typed(*MESSAGE, ERROR)), Outcome.ERROR),
        ("messages", JSON, whole(stop_reason="tool_use"), Outcome.COMPLETE),
        ("messages", JSON, whole(stop_reason=None), Outcome.ERROR),
        ("messages", JSON, json.dumps(ERROR).encode(), Outcome.ERROR),
        ("completions", SSE, wire([text("a")]), Outcome.UPSTREAM_CUT),
        ("completions", SSE, wire([text("a", reason="stop")]), Outcome.COMPLETE),
        ("completions", SSE, wire([text("a", reason="content_filter")]), Outcome.REFUSED),
        ("completions", SSE, wire([text("a"), ("", {"error": {"message": "x"}})]), Outcome.ERROR),
        ("completions", JSON, json.dumps(text("a", reason="length")[1]).encode(), Outcome.LENGTH),
        ("completions", JSON, b'{"choices":[]}', Outcome.ERROR),
        ("opaque", SSE, b"", Outcome.COMPLETE),
    ],
)  # fmt: skip
def test_outcomes(surface, kind, body, expected):
    assert outcome.of_answer(surface, kind, 200, body) is expected
    assert outcome.of_answer(surface, kind, 500, body) is Outcome.ERROR


def test_comments_and_pings_do_no_harm():
    body = b": open\n\nid: 7\n\nevent: ping\ndata: \n\n" + wire(typed(*MESSAGE, *stop("end_turn")))
    assert outcome.of_answer("messages", SSE, 200, body.replace(b"\n", b"\r\n")) is Outcome.COMPLETE
