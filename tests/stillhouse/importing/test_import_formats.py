"""What each format's records mean, and that no record can make a reader fail."""

import csv
import gzip
import json

import imports
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st
from imports import MODEL, SYSTEM, chat_completion, generation, said, score, spend, user
from pyarrow import parquet

from stillhouse.errors import StillhouseError
from stillhouse.importing import chat, evals, fields, langfuse, litellm_logs, stored
from stillhouse.importing.formats import FORMATS, Reading
from stillhouse.importing.found import Left, Unreadable
from stillhouse.importing.records import Maker, Provenance, Wish
from stillhouse.importing.rows import Row, Source
from store.template import Templates

WHENCE = Provenance(format="chat", file="f.jsonl", sha256="0" * 64, when=1.0)
TOOL = {"type": "function", "function": {"name": "route", "parameters": {"type": "object"}}}


def only(found):
    (one,) = found
    return one


def why(read, value):
    with pytest.raises(Unreadable) as caught:
        read(value)
    return str(caught.value)


def test_a_line_of_fine_tuning_is_its_messages_and_the_last_is_the_answer():
    call = {"id": "c1", "type": "function", "function": {"name": "route", "arguments": "{}"}}
    last = {"role": "assistant", "tool_calls": [call], "weight": 1}
    found = only(chat.exchanges({"messages": [SYSTEM, user("hi"), {**last}], "tools": [TOOL], "note": "x"}))
    assert found.request == {"messages": [SYSTEM, user("hi")], "tools": [TOOL]}
    choice = found.answer["choices"][0]
    assert choice["finish_reason"] == "tool_calls"
    assert choice["message"] == {"role": "assistant", "content": None, "tool_calls": [call]}
    assert (found.record, found.ts) == ("", None)


def test_a_preference_teaches_what_was_preferred():
    line = {
        "input": {"messages": [SYSTEM, user("hi")], "tools": [TOOL]},
        "preferred_output": [said("bug")],
        "non_preferred_output": [said("billing")],
    }
    found = only(chat.exchanges(line))
    assert found.request == {"messages": [SYSTEM, user("hi")], "tools": [TOOL]}
    assert found.answer["choices"][0]["message"] == said("bug")


@pytest.mark.parametrize(
    ("surface", "request_", "answer"),
    [
        ("chat", {"model": MODEL, "messages": [user("hi")]}, chat_completion()),
        ("responses", {"model": MODEL, "input": "hi"}, {"object": "response", "id": "resp_1", "output": []}),
        ("messages", {"model": "claude", "messages": []}, {"type": "message", "id": "msg_1", "content": []}),
        ("completions", {"model": MODEL, "prompt": "hi"}, {"object": "text_completion", "choices": []}),
    ],
)
def test_a_pair_is_of_the_surface_that_its_response_says(surface, request_, answer):
    found = only(chat.exchanges({"id": "7", "request": {**request_, "stream": True}, "response": answer}))
    assert (found.surface, found.request, found.answer, found.record) == (surface, request_, answer, "7")


def test_a_batch_line_is_read_in_its_bodies():
    line = {
        "custom_id": "row-9",
        "request": {
            "method": "POST",
            "url": "/v1/chat/completions",
            "body": {"model": MODEL, "messages": [user("hi")]},
        },
        "response": {"status_code": 200, "body": chat_completion()},
    }
    found = only(chat.exchanges(line))
    assert (found.record, found.request["model"], found.ts) == ("row-9", MODEL, 1_760_000_000)


@pytest.mark.parametrize(
    ("line", "sentence"),
    [
        ({}, "neither messages"),
        ({"messages": []}, "no messages"),
        ({"messages": [said("alone")]}, "last message"),
        ({"messages": [user("a"), user("b")]}, "last message"),
        ({"messages": [user("a"), {"content": "b"}]}, "no role"),
        ({"messages": [user("a"), {**said("b"), "weight": 0}]}, "weight is 0"),
        ({"messages": [user("a"), said("")]}, "empty"),
        ({"request": {}, "response": {"error": {}}}, "no answer"),
        ({"request": {}, "response": {"status_code": 500, "body": chat_completion()}}, "no answer"),
    ],
)
def test_a_line_that_says_no_exchange_is_left_out(line, sentence):
    assert sentence in why(chat.exchanges, line)


def test_a_stored_completion_is_asked_again_as_it_was_sent():
    messages = {
        "object": "list",
        "data": [
            {"id": "m-0", **SYSTEM, "name": None},
            {"id": "m-1", "role": "user", "content": None, "content_parts": [{"type": "text", "text": "hi"}]},
        ],
    }
    value = chat_completion(
        messages=messages,
        temperature=0.5,
        input_user="ann",
        metadata={"task": "triage"},
        tools=None,
        request_id="r",
    )
    found = only(stored.exchanges(value))
    assert found.request == {
        "model": "gpt-4o-mini-2024-07-18",
        "temperature": 0.5,
        "metadata": {"task": "triage"},
        "user": "ann",
        "messages": [SYSTEM, {"role": "user", "content": [{"type": "text", "text": "hi"}]}],
    }
    assert found.answer == chat_completion()
    assert (found.record, found.ts) == ("chatcmpl-1", 1_760_000_000)
    assert "listed by themselves" in why(stored.exchanges, chat_completion())
    assert "no stored" in why(stored.exchanges, {"object": "list"})


def test_an_output_item_of_an_eval_brings_its_grades():
    item = {
        "id": "outputitem_1",
        "object": "eval.run.output_item",
        "created_at": 1_760_000_000,
        "datasource_item": {"ticket": "hi"},
        "sample": {
            "model": MODEL,
            "input": [SYSTEM, user("hi")],
            "output": [said("bug")],
            "finish_reason": "stop",
            "temperature": 1.0,
            "usage": {"prompt_tokens": 20, "completion_tokens": 1, "cached_tokens": 0, "total_tokens": 21},
            "error": {"code": "", "message": ""},
        },
        "results": [
            {"name": "exact", "passed": True, "score": 1.0},
            {"name": "stars", "passed": False, "score": 3.0},
        ],
    }
    found = only(evals.exchanges(item))
    assert found.request == {"model": MODEL, "temperature": 1.0, "messages": [SYSTEM, user("hi")]}
    assert found.answer["usage"]["prompt_tokens_details"] == {"cached_tokens": 0}
    exact, stars = found.said
    assert (exact.name, exact.score, exact.comment) == ("exact", 1.0, "passed")
    assert (stars.score, stars.comment) == (None, "score 3, failed")


@pytest.mark.parametrize(
    ("item", "sample"),
    [
        ({"input": "hi"}, {"model": MODEL, "output_text": "bug"}),
        ({"messages": [user("hi")]}, {"model": MODEL, "choices": chat_completion("bug")["choices"]}),
        ({}, {"model": MODEL, "input": [user("hi")], "output": [{"content": "bug"}]}),
    ],
)
def test_a_line_of_item_and_sample_is_read_wherever_its_input_stands(item, sample):
    found = only(evals.exchanges({"item": item, "sample": sample}))
    assert found.request["messages"] == [user("hi")]
    assert found.answer["choices"][0]["message"]["content"] == "bug"


def test_a_row_of_spend_logs_is_what_the_app_asked_the_proxy():
    found = only(litellm_logs.exchanges(spend()))
    assert found.request == {"model": MODEL, "messages": [SYSTEM, user("My bill is wrong")]}
    assert found.answer == chat_completion()
    assert (found.record, found.user, found.conversation) == ("req-1", "ann", "session-7")
    assert (found.sent, found.duration_ms, found.first_byte_ms) == (
        "gpt-4o-mini-2024-07-18",
        1500.0,
        pytest.approx(400),
    )
    assert found.ts == fields.when("2026-03-01 10:00:00") == 1_772_359_200


def test_an_older_row_has_its_messages_in_their_own_column_and_all_of_it_as_text():
    row = spend(
        messages=json.dumps([user("hi")]), proxy_server_request="{}", response=json.dumps(chat_completion())
    )
    found = only(litellm_logs.exchanges(row))
    assert found.request == {"model": MODEL, "messages": [user("hi")]}


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ({"call_type": "aembedding"}, "another kind (aembedding)"),
        ({"status": "failure"}, "failed"),
        ({"cache_hit": "True"}, "cache answered"),
        ({"proxy_server_request": "{}"}, "no prompt"),
        ({"response": "{}"}, "no answer"),
        ({"response": chat_completion("redacted-by-litellm")}, "redacted"),
        ({"response": chat_completion("a... (litellm_truncated skipped 9 chars. ) b")}, "cut it short"),
    ],
)
def test_a_row_that_is_no_whole_exchange_is_left_out(change, sentence):
    assert sentence in why(litellm_logs.exchanges, spend(**change))


def rows(*values):
    return [Row(place=str(number), value=value) for number, value in enumerate(values)]


def test_a_generation_is_a_call_and_takes_what_its_trace_and_scores_say():
    trace = {"id": "trace-1", "timestamp": "2026-03-01", "userId": "ann", "sessionId": "s-1"}
    own = score(id="score-2", observationId="obs-1", name="tone", value=4, dataType="NUMERIC", comment="kind")
    right = score(id="score-3", dataType="CORRECTION", name="output", value=0, stringValue="bug")
    read = langfuse.reader(rows(trace, score(), own, right, generation()))
    found = only(read(generation()))
    assert found.request == {
        "temperature": 0.2, "max_tokens": 50, "model": MODEL, "messages": [SYSTEM, user("My bill is wrong")],
    }  # fmt: skip
    assert found.answer["usage"] == {
        "prompt_tokens": 20,
        "completion_tokens": 1,
        "total_tokens": 21,
        "prompt_tokens_details": {"cached_tokens": 2},
    }
    assert (found.user, found.conversation, found.duration_ms) == ("ann", "s-1", 1500.0)
    told = {one.name: one for one in found.said}
    assert told["correct"].score == 1.0
    assert told["correct"].ts == fields.when("2026-03-02T10:00:00Z")
    assert (told["tone"].score, told["tone"].comment) == (None, "4: kind")
    assert told["output"].correction == "bug"
    assert read(score()) == read(trace) == []


def test_a_trace_with_its_observations_in_it_gives_its_generations():
    span = generation(id="span-1", type="SPAN")
    trace = {"id": "trace-1", "userId": "ann", "observations": [span, generation()], "scores": [score()]}
    read = langfuse.reader(rows(trace))
    found = only(read(trace))
    assert (found.record, found.user, found.said[0].score) == ("obs-1", "ann", 1.0)


def test_a_score_of_a_trace_of_two_generations_is_nobodys():
    read = langfuse.reader(rows(generation(), generation(id="obs-2"), score()))
    assert only(read(generation())).said == ()


def test_the_spelling_of_a_blob_storage_export_is_read_too():
    value = {
        "id": "obs-1",
        "trace_id": "trace-1",
        "type": "GENERATION",
        "start_time": "2026-03-01 10:00:00.000000",
        "end_time": "2026-03-01 10:00:01.500000",
        "completion_start_time": None,
        "provided_model_name": MODEL,
        "model_parameters": '{"temperature":0.2}',
        "input": json.dumps({"messages": [user("hi")], "tools": [TOOL]}),
        "output": json.dumps(said("bug")),
        "usage_details": {"input": 9, "output": 1},
        "user_id": "ann",
        "session_id": "",
    }
    found = only(langfuse.reader([])(value))
    assert found.request == {"temperature": 0.2, "tools": [TOOL], "model": MODEL, "messages": [user("hi")]}
    assert (found.ts, found.user, found.conversation, found.first_byte_ms) == (
        1_772_359_200,
        "ann",
        None,
        None,
    )
    assert found.answer["usage"]["total_tokens"] == 10


def test_plain_texts_are_a_question_and_an_answer():
    found = only(langfuse.reader([])(generation(input="hi", output="bug")))
    assert found.request["messages"] == [user("hi")]
    assert found.answer["choices"][0]["message"]["content"] == "bug"


@pytest.mark.parametrize(
    ("value", "sentence"),
    [
        ({}, "no observation"),
        (generation(type="SPAN"), "another type"),
        (generation(level="ERROR"), "failed"),
        (generation(input=None), "no messages"),
        (generation(output=None), "no message"),
        (generation(output={"tokens": [1, 2]}), "no message"),
    ],
)
def test_what_is_no_generation_is_left_out(value, sentence):
    assert sentence in why(langfuse.reader([]), value)


NAMES = st.sampled_from(
    [
        "messages",
        "request",
        "response",
        "body",
        "input",
        "output",
        "sample",
        "item",
        "results",
        "model",
        "id",
        "object",
        "type",
        "choices",
        "content",
        "role",
        "data",
        "usage",
        "usageDetails",
        "metadata",
        "call_type",
        "proxy_server_request",
        "startTime",
        "start_time",
        "timestamp",
        "created",
        "scores",
        "observations",
        "preferred_output",
        "value",
        "source",
        "dataType",
        "status_code",
        "error",
        "weight",
        "tools",
        "observationId",
        "traceId",
    ]
)
WORDS = st.one_of(
    st.none(), st.booleans(), st.integers(), st.floats(), st.text(max_size=8),
    st.sampled_from(["GENERATION", "chat.completion", "user", "assistant", "[1]", "{}", '{"a":1}', "2026-01-01", "1e999"]),
)  # fmt: skip
JSON = st.recursive(
    WORDS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(NAMES, inner, max_size=5),
    max_leaves=25,
)


@pytest.mark.parametrize("name", FORMATS)
@given(value=st.dictionaries(NAMES, JSON, max_size=8))
def test_no_record_makes_a_reader_fail(name, value):
    made = list(Reading(rows(value), FORMATS[name](rows(value)), Maker(WHENCE, Wish(), Templates())))
    assert all(one.why if isinstance(one, Left) else one.call.model for one in made)


VALUES = [{"id": "a", "n": {"x": 1}}, {"id": "b", "n": {"x": 2}}]


def write_csv(path):
    with path.open("w", newline="") as file:
        writer = csv.DictWriter(file, ["id", "n"])
        writer.writeheader()
        writer.writerows({"id": v["id"], "n": json.dumps(v["n"])} for v in VALUES)


WRITERS = {
    "lines.jsonl": lambda path: imports.lines(path, VALUES),
    "array.json": lambda path: path.write_text(json.dumps(VALUES, indent=2)),
    "page.json": lambda path: path.write_text(json.dumps({"object": "list", "data": VALUES}, indent=2)),
    "proxy.json": lambda path: path.write_text(json.dumps({"data": VALUES, "total": 9, "page": 1})),
    "one-line.json": lambda path: path.write_text(json.dumps({"data": VALUES, "meta": {}})),
    "marked.json": lambda path: path.write_text("\ufeff" + json.dumps(VALUES)),
    "lines.jsonl.gz": lambda path: path.write_bytes(
        gzip.compress("\n".join(map(json.dumps, VALUES)).encode())
    ),
    "table.csv": write_csv,
    "table.parquet": lambda path: parquet.write_table(pa.Table.from_pylist(VALUES), path),
}


@pytest.mark.parametrize("name", WRITERS)
def test_a_file_is_read_row_by_row_whatever_it_is(tmp_path, name):
    path = tmp_path / name
    WRITERS[name](path)
    found = [row.value for row in Source(path)]
    assert [{**value, "n": fields.an_object(value["n"])} for value in found] == VALUES
    assert len(Source(path).sha256()) == 64


def test_a_bad_line_is_named_and_the_others_are_read(tmp_path):
    path = imports.lines(tmp_path / "f.jsonl", ["{", VALUES[0], "", "[1]", '"x"', VALUES[1], '{"n": NaN'])
    found = list(Source(path))
    assert [row.value for row in found if row.value] == VALUES
    assert [(row.place, row.why) for row in found if row.value is None] == [
        ("f.jsonl:1", "the line is not JSON"),
        ("f.jsonl:4", "the record is no object"),
        ("f.jsonl:5", "the record is no object"),
        ("f.jsonl:7", "the line is not JSON"),
    ]


@pytest.mark.parametrize(
    ("name", "content"),
    [("x.jsonl", b"\xff\xfe"), ("x.parquet", b"no"), ("x.json.gz", b"no"), ("gone", None)],
)
def test_a_file_that_cannot_be_read_is_one_sentence(tmp_path, name, content):
    path = tmp_path / name
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(StillhouseError, match="cannot be read"):
        list(Source(path))


@pytest.mark.parametrize(
    ("said_", "seconds"),
    [
        (1_772_359_200, 1_772_359_200),
        (1_772_359_200_000, 1_772_359_200),
        ("1772359200", 1_772_359_200),
        ("2026-03-01T10:00:00Z", 1_772_359_200),
        ("2026-03-01T12:00:00+02:00", 1_772_359_200),
        ("2026-03-01 10:00:00.000000", 1_772_359_200),
        ("yesterday", None), (True, None), (-5, None), (float("nan"), None), ("0001-01-01", None),
    ],
)  # fmt: skip
def test_times_are_read_in_every_way_that_they_are_written(said_, seconds):
    assert fields.when(said_) == seconds
