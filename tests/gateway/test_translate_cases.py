"""What each surface says in its own way, one case each: requests both understood and not, answers, ids."""

from __future__ import annotations

import pytest
from translated import ASKED, completion, message

from gateway.translate import Untranslatable, completions, messages, responses

SURFACES = {"completions": completions, "messages": messages, "responses": responses}
USER = [{"role": "user", "content": "hi"}]
CALL = {"type": "function_call", "call_id": "c1", "name": "f", "arguments": "{}"}
USE = {"type": "tool_use", "id": "t1", "name": "f", "input": {}}
RESULT = {"type": "tool_result", "tool_use_id": "t1", "content": "ok"}


def block(said, role="user"):
    return {"messages": [{"role": role, "content": said}, *([] if role == "user" else USER)]}


@pytest.mark.parametrize(
    ("surface", "body", "reason"),
    [
        ("responses", {"previous_response_id": "resp_1"}, "stateful"),
        ("responses", {"conversation": {"id": "conv_1"}}, "stateful"),
        ("responses", {"input": [{"type": "item_reference", "id": "msg_1"}]}, "stateful"),
        ("responses", {"background": True}, "background"),
        ("responses", {"prompt": {"id": "pmpt_1"}}, "prompt_template"),
        ("responses", {"tools": [{"type": "web_search"}]}, "hosted_tool"),
        ("responses", {"input": [{"type": "web_search_call", "id": "ws_1"}]}, "hosted_tool"),
        ("responses", {"input": [{**CALL, "caller": {"type": "program", "caller_id": "p"}}]}, "hosted_tool"),
        ("responses", {"tool_choice": {"type": "mcp", "server_label": "x"}}, "tool_choice"),
        ("responses", {"input": [CALL, {"role": "assistant", "content": "after"}]}, "interleaved"),
        ("responses", {"input": [{"role": "user", "content": [{"type": "input_file", "file_id": "file_1"}]}]}, "file"),
        ("responses", {"input": [{"role": "user", "content": [{"type": "input_audio"}]}]}, "content"),
        ("responses", {"text": {"format": {"type": "grammar"}}}, "response_format"),
        ("responses", {"reasoning": {"mode": "pro"}}, "reasoning_mode"),
        ("responses", {"unheard_of": 1}, "unknown_field"),
        ("responses", {"input": [{"role": "user", "content": 3}]}, "malformed"),
        ("messages", {"thinking": {"type": "enabled", "budget_tokens": 1024}}, "thinking"),
        ("messages", {"top_k": 5}, "top_k"),
        ("messages", {"container": "c"}, "container"),
        ("messages", {"tools": [{"type": "web_search_20250305", "name": "web_search"}]}, "hosted_tool"),
        ("messages", block([{**RESULT, "is_error": True}]), "tool_error"),
        ("messages", block([{"type": "text", "text": "a"}, RESULT]), "interleaved"),
        ("messages", block([USE, {"type": "text", "text": "a"}], "assistant"), "interleaved"),
        ("messages", {"messages": [*USER, {"role": "assistant", "content": "The answer is"}]}, "prefill"),
        ("messages", block([{"type": "document"}]), "content"),
        ("messages", block([{"type": "text", "text": "a", "citations": [{"type": "page_location"}]}], "assistant"), "citations"),
        ("messages", block([{"type": "image", "source": {"type": "file", "file_id": "f"}}]), "file"),
        ("messages", {"mcp_servers": [{"url": "https://x"}]}, "unknown_field"),
        ("completions", {"prompt": ["a", "b"]}, "prompts"),
        ("completions", {"prompt": [1, 2]}, "prompt_tokens"),
        ("completions", {"prompt": [[1, 2]]}, "prompt_tokens"),
        ("completions", {"prompt": None}, "no_prompt"),
        ("completions", {"prompt": "a", "suffix": "b"}, "suffix"),
        ("completions", {"prompt": "a", "echo": True}, "echo"),
        ("completions", {"prompt": "a", "best_of": 2}, "best_of"),
        ("completions", {"prompt": "a", "logprobs": 0}, "logprobs"),
    ],
)  # fmt: skip
def test_what_chat_cannot_say_is_the_teachers(surface, body, reason):
    with pytest.raises(Untranslatable) as refused:
        SURFACES[surface].request({"model": "m", **body})
    assert refused.value.reason == reason


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        ({"store": None}, {"store": True}),
        ({"store": False, "background": False, "previous_response_id": None, "truncation": "auto"}, {}),
        ({"store": False, "tool_choice": {"type": "allowed_tools", "mode": "auto", "tools": [{"type": "function", "name": "f"}]}},
         {"tool_choice": {"type": "allowed_tools", "allowed_tools":
                          {"mode": "auto", "tools": [{"type": "function", "function": {"name": "f"}}]}}}),
        ({"store": False, "tools": [{"type": "function", "name": "f", "parameters": None}]},
         {"tools": [{"type": "function", "function": {"name": "f", "strict": True}}]}),
        ({"store": False, "include": ["message.output_text.logprobs"], "top_logprobs": 2}, {"logprobs": True, "top_logprobs": 2}),
        ({"store": False, "top_logprobs": 2}, {}),
        ({"store": False, "text": {"format": {"type": "json_object"}}}, {"response_format": {"type": "json_object"}}),
        ({"store": False, "stream": True, "stream_options": {"include_obfuscation": False}},
         {"stream": True, "stream_options": {"include_usage": True}}),
    ],
)  # fmt: skip
def test_a_responses_request_in_its_own_words(body, expected):
    assert responses.request({"model": "m", "input": "hi", **body}) == {
        "model": "m",
        "messages": USER,
        **expected,
    }


def test_parts_of_a_responses_input():
    parts = [
        {"type": "input_text", "text": "what is this?"},
        {"type": "input_image", "image_url": "https://x", "detail": "low"},
        {"type": "input_file", "file_data": "data:application/pdf;base64,AA", "filename": "a.pdf"},
    ]
    spoken = {"role": "assistant", "content": [{"type": "refusal", "refusal": "no"}], "phase": "final_answer"}
    chat = responses.request({"model": "m", "input": [{"role": "user", "content": parts}, spoken]})
    assert chat["messages"] == [
        {
            "role": "user",
            "content": [
                {"type": "text", "text": "what is this?"},
                {"type": "image_url", "image_url": {"url": "https://x", "detail": "low"}},
                {
                    "type": "file",
                    "file": {"file_data": "data:application/pdf;base64,AA", "filename": "a.pdf"},
                },
            ],
        },
        {"role": "assistant", "content": None, "refusal": "no"},
    ]


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        ({"tool_choice": {"type": "any", "disable_parallel_tool_use": True}},
         {"tool_choice": "required", "parallel_tool_calls": False}),
        ({"thinking": {"type": "disabled"}, "service_tier": "auto", "cache_control": {"type": "ephemeral"}}, {}),
        ({"output_config": {"effort": "max"}}, {"reasoning_effort": "max"}),
        ({"stream": True}, {"stream": True, "stream_options": {"include_usage": True}}),
    ],
)  # fmt: skip
def test_a_messages_request_in_its_own_words(body, expected):
    chat = messages.request({"model": "m", "max_tokens": 5, "messages": USER, **body})
    assert chat == {"model": "m", "max_completion_tokens": 5, "messages": USER, **expected}


def test_a_text_request_has_sixteen_tokens_unless_it_says():
    chat = completions.request({"model": "m", "prompt": ["hi"], "best_of": 1, "stop": ["x"], "suffix": None})
    assert chat == {"model": "m", "messages": USER, "max_completion_tokens": 16, "stop": ["x"]}


def test_reasoning_of_a_teacher_is_kept_beside_its_content():
    thought = {"type": "reasoning", "id": "rs_1", "summary": [{"type": "summary_text", "text": "Hm."}]}
    spoken = {"type": "message", "content": [{"type": "output_text", "text": "a", "annotations": []}]}
    chat = responses.completion({"status": "completed", "output": [thought, spoken]})
    assert chat["choices"][0]["message"] == message(content="a", reasoning_content="Hm.")
    blocks = [{"type": "thinking", "thinking": "Hm.", "signature": "s"}, {"type": "text", "text": "a"}]
    chat = messages.completion({"stop_reason": "end_turn", "content": blocks})
    assert chat["choices"][0]["message"] == message(content="a", reasoning_content="Hm.")


def test_texts_join_and_what_they_cite_moves_along():
    cited = {"type": "url_citation", "start_index": 1, "end_index": 2, "title": "t", "url": "u"}
    parts = [{"type": "output_text", "text": "abc", "annotations": [cited]}] * 2
    chat = responses.completion({"status": "completed", "output": [{"type": "message", "content": parts}]})
    spoken = chat["choices"][0]["message"]
    assert spoken["content"] == "abcabc"
    assert [(a["url_citation"]["start_index"], a["url_citation"]["end_index"]) for a in spoken["annotations"]] == [
        (1, 2), (4, 5),
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("surface", "answer", "finish"),
    [
        (
            "responses",
            {"status": "incomplete", "incomplete_details": {"reason": "max_output_tokens"}},
            "length",
        ),
        (
            "responses",
            {"status": "incomplete", "incomplete_details": {"reason": "content_filter"}},
            "content_filter",
        ),
        ("messages", {"stop_reason": "stop_sequence", "stop_sequence": "x"}, "stop"),
        ("messages", {"stop_reason": "model_context_window_exceeded"}, "length"),
        ("messages", {"stop_reason": "refusal"}, "content_filter"),
    ],
)
def test_how_a_teachers_answer_finished(surface, answer, finish):
    assert SURFACES[surface].completion(answer)["choices"][0]["finish_reason"] == finish


@pytest.mark.parametrize(
    ("surface", "answer", "reason"),
    [
        ("responses", {"status": "failed"}, "not_finished"),
        ("responses", {"status": "completed", "output": [{"type": "web_search_call"}]}, "hosted_tool"),
        ("messages", {"stop_reason": "pause_turn"}, "not_finished"),
        ("messages", {"stop_reason": "end_turn", "content": [{"type": "server_tool_use"}]}, "hosted_tool"),
        ("messages", {"stop_reason": "end_turn", "content": [{"type": "text", "text": "a", "citations": [{}]}]}, "citations"),
        ("completions", {"choices": [{"text": "a", "finish_reason": None}]}, "not_finished"),
    ],
)  # fmt: skip
def test_a_teachers_answer_that_no_student_can_learn(surface, answer, reason):
    with pytest.raises(Untranslatable, match=reason):
        SURFACES[surface].completion(answer)


def test_an_input_that_cannot_be_written_is_not_learned():
    deep: dict = {}
    for _ in range(5000):
        deep = {"a": deep}
    for given in (deep, {"a": float("inf")}):
        with pytest.raises(Untranslatable, match="arguments"):
            messages.completion({"stop_reason": "tool_use", "content": [{**USE, "input": given}]})


def called(*ids, arguments="{}"):
    calls = [
        {"id": one, "type": "function", "function": {"name": "f", "arguments": arguments}} for one in ids
    ]
    return completion(message(tool_calls=calls), "tool_calls")


def test_ids_have_the_providers_form_and_are_the_same_each_time():
    said = called("call_own", "xyz", "", "")
    items = responses.answer(said, ASKED)["output"]
    assert items == responses.answer(said, ASKED)["output"]
    ids = [item["call_id"] for item in items]
    assert ids[0] == "call_own"
    assert all(one.startswith("call_") for one in ids)
    assert len({*ids, *(item["id"] for item in items)}) == 8
    blocks = messages.answer(said, ASKED)["content"]
    assert all(one["id"].startswith("toolu_") for one in blocks)
    assert len({one["id"] for one in blocks}) == 4
    assert responses.answer({**said, "id": "chatcmpl-2"}, ASKED)["id"] != responses.answer(said, ASKED)["id"]


@pytest.mark.parametrize(
    ("surface", "said", "reason"),
    [
        ("messages", called("a", arguments="{"), "arguments"),
        ("messages", called("a", arguments="[1]"), "arguments"),
        ("completions", called("a"), "tool_calls"),
        ("completions", completion(message(refusal="no")), "refusal"),
        ("responses", completion(message(content="a"), "function_call"), "finish_reason"),
        ("responses", {**completion(message()), "choices": completion(message())["choices"] * 2}, "n"),
    ],
)
def test_a_students_completion_that_a_surface_cannot_say(surface, said, reason):
    with pytest.raises(Untranslatable) as refused:
        SURFACES[surface].answer(said, ASKED)
    assert refused.value.reason == reason


def test_a_refusal_keeps_its_place():
    said = completion(message(refusal="I can't"))
    (item,) = responses.answer(said, ASKED)["output"]
    assert item["content"] == [{"type": "refusal", "refusal": "I can't"}]
    assert responses.completion(responses.answer(said, ASKED))["choices"] == said["choices"]
    answer = messages.answer(said, ASKED)
    assert (answer["stop_reason"], answer["content"]) == ("refusal", [{"type": "text", "text": "I can't"}])


def test_a_students_reasoning_is_not_shown():
    said = completion(message(content="a", reasoning_content="Hm."))
    assert "Hm." not in repr(responses.answer(said, ASKED))
    assert "Hm." not in repr(messages.answer(said, ASKED))


def test_a_call_that_was_forced_reads_as_a_call():
    said = called("call_a")
    said["choices"][0]["finish_reason"] = "stop"
    assert messages.answer(said, ASKED)["stop_reason"] == "tool_use"
    assert responses.completion(responses.answer(said, ASKED))["choices"][0]["finish_reason"] == "tool_calls"


def test_the_events_of_a_response_are_numbered_and_begin_with_nothing_said():
    answer = responses.answer(completion(message(content="a b")), ASKED)
    events = list(responses.events(answer))
    assert [data["sequence_number"] for _, data in events] == list(range(len(events)))
    begun = {name: events[0][1]["response"][name] for name in ("status", "output", "usage", "completed_at")}
    assert begun == {"status": "in_progress", "output": [], "usage": None, "completed_at": None}
    assert [name.removeprefix("response.") for name, _ in events] == [
        "created", "in_progress", "output_item.added", "content_part.added", "output_text.delta", "output_text.delta",
        "output_text.done", "content_part.done", "output_item.done", "completed",
    ]  # fmt: skip


def test_a_messages_prompt_is_all_that_was_read():
    counted = {
        "input_tokens": 5,
        "cache_read_input_tokens": 0,
        "cache_creation_input_tokens": 3,
        "output_tokens": 2,
    }
    chat = messages.completion({"stop_reason": "end_turn", "usage": counted})
    assert chat["usage"] == {
        "prompt_tokens": 8, "completion_tokens": 2, "total_tokens": 10,
        "prompt_tokens_details": {"cached_tokens": 0, "cache_write_tokens": 3},
    }  # fmt: skip


def test_a_response_repeats_what_was_asked():
    tool = {"type": "function", "name": "f", "parameters": {"type": "object"}}
    asked = {
        "model": "gpt-x", "input": "hi", "instructions": "Be brief.", "tools": [tool], "tool_choice": "required",
        "temperature": 0, "metadata": {"task": "t"}, "store": False, "parallel_tool_calls": False, "top_p": None,
        "text": {"format": {"type": "json_object"}}, "reasoning": {"effort": "low"}, "max_output_tokens": 9,
    }  # fmt: skip
    answer = responses.answer(completion(message(content="{}")), asked)
    same = (
        "model",
        "instructions",
        "tool_choice",
        "temperature",
        "metadata",
        "store",
        "parallel_tool_calls",
        "max_output_tokens",
    )
    assert {name: answer[name] for name in same} == {name: asked[name] for name in same}
    assert answer["tools"] == [{"description": None, **tool, "strict": True}]
    assert answer["text"] == {"format": {"type": "json_object"}, "verbosity": "medium"}
    assert answer["reasoning"] == {"effort": "low", "summary": None}
    assert (answer["top_p"], answer["truncation"], answer["previous_response_id"]) == (1.0, "disabled", None)
