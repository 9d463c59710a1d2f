"""A student's tool calls against the request's own tools."""

from typing import Any

import pytest

from gateway import check

SCHEMA = {
    "type": "object",
    "properties": {"q": {"type": "string"}},
    "required": ["q"],
    "additionalProperties": False,
}
FIND = {"type": "function", "function": {"name": "find", "parameters": SCHEMA}}
FREE = {"type": "function", "function": {"name": "free"}}
NAMED = {"type": "function", "function": {"name": "free"}}
ALLOWED = {"type": "allowed_tools", "allowed_tools": {"mode": "required", "tools": [FREE]}}


def calling(*calls: Any, content: str | None = None) -> dict[str, Any]:
    made = [{"id": "call_1", "type": "function", "function": call} for call in calls]
    message = {"role": "assistant", "content": content, **({"tool_calls": made} if made else {})}
    return {"choices": [{"index": 0, "message": message, "finish_reason": "tool_calls" if made else "stop"}]}


def find(arguments: str) -> dict[str, Any]:
    return {"name": "find", "arguments": arguments}


@pytest.mark.parametrize(
    ("answer", "more", "wrong"),
    [
        (calling(find('{"q":"a"}')), {}, None),
        (calling(find('{"q":"a"}'), {"name": "free", "arguments": ""}), {}, None),
        (calling(content="No need."), {}, None),
        (calling(find('{"q":1}')), {}, "breaks the JSON schema at $.q"),
        (calling(find('{"q":"a","r":1}')), {}, "breaks"),
        (calling(find("{")), {}, "not JSON"),
        (calling(find("[]")), {}, "not a JSON object"),
        (calling({"name": "fly", "arguments": "{}"}), {}, "does not allow"),
        (calling({"name": 5}), {}, "names no function"),
        (calling(None), {}, "names no function"),
        (calling(content="No need."), {"tool_choice": "required"}, "requires"),
        (calling(content="No need."), {"tool_choice": NAMED}, "requires"),
        (calling(find('{"q":"a"}')), {"tool_choice": NAMED}, "does not allow"),
        (calling({"name": "free"}), {"tool_choice": NAMED}, None),
        (calling({"name": "free"}), {"tool_choice": "none"}, "does not allow"),
        (calling({"name": "free"}), {"tool_choice": ALLOWED}, None),
        (calling(find('{"q":"a"}')), {"tool_choice": ALLOWED}, "does not allow"),
        (calling(content="No need."), {"tool_choice": ALLOWED}, "requires"),
        (calling(find('{"q":"a"}'), find('{"q":"b"}')), {"parallel_tool_calls": False}, "in parallel"),
    ],
)
def test_a_call_must_be_one_that_the_request_allows(answer, more, wrong):
    said = check.problem(answer, {"tools": [FIND, FREE], **more})
    assert (said is None) if wrong is None else (said is not None and wrong in said)


def test_a_function_of_the_old_kind_is_checked_too():
    message = {"role": "assistant", "content": None, "function_call": find('{"q":1}')}
    answer = {"choices": [{"message": message, "finish_reason": "function_call"}]}
    assert "breaks" in check.problem(answer, {"functions": [FIND["function"]]})
    assert "requires" in check.problem(
        calling(content="No."), {"functions": [FIND["function"]], "function_call": {"name": "find"}}
    )


@pytest.mark.parametrize(
    "tools", [None, {}, "find", [5], [{"function": "find"}], [{"function": {"name": []}}]]
)
def test_tools_of_any_shape_are_no_crash(tools):
    assert "does not allow" in check.problem(calling(find("{}")), {"tools": tools})


def test_calls_of_any_shape_are_no_crash():
    message = {"role": "assistant", "content": None, "tool_calls": {"id": 1}}
    assert "names no function" in check.problem(
        {"choices": [{"message": message, "finish_reason": "tool_calls"}]}, {}
    )
