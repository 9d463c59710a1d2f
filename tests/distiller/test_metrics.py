import json

import pytest
from hypothesis import given
from hypothesis import strategies as st
from slowpath import said

from distiller.scoring.message import corrected, document, text, tool_calls
from distiller.scoring.metrics import BUILT_IN, fields, label, tool_call
from distiller.scoring.metrics import text as text_metric
from distiller.scoring.shape import Shape, infer
from distiller.scoring.valid import invalid

JSONS = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(),
    lambda x: st.lists(x) | st.dictionaries(st.text(), x),
)


def called(*calls):
    return {
        "role": "assistant",
        "content": None,
        "tool_calls": [{"function": {"name": n, "arguments": json.dumps(a)}} for n, a in calls],
    }


def doc(value):
    return said(json.dumps(value))


@given(JSONS, JSONS, st.sampled_from(sorted(BUILT_IN)))
def test_every_metric_is_a_share_and_an_answer_agrees_with_itself(a, b, name):
    metric = BUILT_IN[name]
    assert 0 <= metric(doc(a), doc(b), {}) <= 1
    assert metric(doc(a), doc(a), {}) == 1


@given(JSONS)
def test_a_tool_call_agrees_with_itself(value):
    call = called(("f", {"x": value}))
    assert tool_call(call, call, {}) == text_metric(call, call, {}) == 1
    assert label(call, call, {}) == fields(call, call, {}) == 0


def test_labels_are_equal_up_to_case_blanks_and_quotes():
    assert label(said("Get_Weather"), said(' "get_weather". '), {}) == 1
    assert label(said("red"), said("green"), {}) == 0
    assert label(said(""), called(("f", {})), {}) == 0


@pytest.mark.parametrize(
    ("reference", "candidate", "score"),
    [
        ({"a": 1, "b": "X"}, {"a": 1, "b": "x"}, 1),
        ({"a": 1, "b": 2}, {"a": 1}, 0.5),
        ({"a": 1}, {"a": 1, "b": 2}, 0.5),
        ({"a": {"b": 1, "c": 2}, "d": 3}, {"a": {"b": 1, "c": 0}, "d": 3}, 0.75),
        ({"a": [1, 2]}, {"a": [1]}, 0.5),
        ({"a": True}, {"a": 1}, 0),
        ({"a": None}, {"a": None}, 1),
        ({}, {}, 1),
    ],
)
def test_fields_are_scored_in_proportion(reference, candidate, score):
    assert fields(doc(reference), doc(candidate), {}) == score


def test_an_answer_that_is_no_json_has_no_field_right():
    assert fields(doc({"a": 1}), said("a is 1"), {}) == 0
    assert fields(doc({"a": 1}), said('```json\n{"a": 1}\n```'), {}) == 1
    assert fields(said("sorry"), said("Sorry."), {}) == 1


def test_tool_calls_are_compared_by_name_and_arguments():
    wanted = called(("find", {"q": "x", "n": 3}))
    assert tool_call(wanted, called(("find", {"n": 3, "q": "X"})), {}) == 1
    assert tool_call(wanted, called(("find", {"q": "y", "n": 3})), {}) == 0.5
    assert tool_call(wanted, called(("look", {"q": "x", "n": 3})), {}) == 0
    assert tool_call(wanted, called(("find", {"q": "x", "n": 3}), ("find", {})), {}) == 0.5
    assert tool_call(wanted, said("find x"), {}) == 0
    assert tool_call(said("done"), said("Done"), {}) == 1


def test_free_text_is_scored_by_shared_words():
    assert text_metric(said("the cat sat"), said("the cat ran"), {}) == pytest.approx(2 / 3)
    assert text_metric(said("a b"), said(""), {}) == 0
    assert text_metric(called(("f", {})), said("f"), {}) == 0


def test_shapes_are_told_from_samples():
    assert infer([]) is None
    assert infer([said(c) for c in ["red", "green"] * 10]) is Shape.LABEL
    assert infer([doc({"a": i}) for i in range(20)]) is Shape.FIELDS
    assert infer([called(("f", {}))] * 20) is Shape.TOOL_CALL
    assert infer([called(("f", {})), said("done")] * 10) is Shape.TEXT
    assert infer([said(f"this is answer number {i}, at some length") for i in range(20)]) is Shape.TEXT
    labels = [said(f"intent_{i * i % 77}") for i in range(200)]
    assert infer(labels) is Shape.LABEL


TOOLS = {"tools": [{"type": "function", "function": {"name": "find"}}]}
SCHEMA = {
    "response_format": {
        "type": "json_schema",
        "json_schema": {
            "schema": {"type": "object", "required": ["a"], "properties": {"a": {"type": "integer"}}}
        },
    }
}


@pytest.mark.parametrize(
    ("request_", "answer", "shape", "why"),
    [
        ({}, said("red"), Shape.LABEL, None),
        ({}, said("  "), Shape.LABEL, "empty"),
        ({}, None, Shape.LABEL, "no message"),
        ({}, {"role": "assistant", "refusal": "no"}, Shape.TEXT, "refused"),
        ({}, said("red"), Shape.FIELDS, "not JSON"),
        (SCHEMA, doc({"a": 1}), Shape.FIELDS, None),
        (SCHEMA, doc({"a": "1"}), Shape.FIELDS, "against its schema"),
        (TOOLS, called(("find", {})), Shape.TOOL_CALL, None),
        (TOOLS, called(("lose", {})), Shape.TOOL_CALL, "a tool that was not offered"),
        (TOOLS, said("I would find it"), Shape.TOOL_CALL, "no tool call"),
        (
            TOOLS,
            {"tool_calls": [{"function": {"name": "find", "arguments": "{"}}]},
            Shape.TOOL_CALL,
            "tool arguments are not JSON",
        ),
    ],
)
def test_invalid_answers_are_named(request_, answer, shape, why):
    assert invalid(request_, answer, shape) == why


def test_messages_are_read_in_all_their_forms():
    assert text({"content": [{"type": "text", "text": "a"}, {"type": "text", "text": "b"}]}) == "ab"
    assert document(said("3")) is None
    assert tool_calls({"function_call": {"name": "f", "arguments": ""}})[0].arguments == {}
    assert corrected("green", said("red")) == said("green")
    fixed = corrected(json.dumps({"tool_calls": called(("g", {}))["tool_calls"]}), called(("f", {})))
    assert tool_calls(fixed)[0].name == "g"
