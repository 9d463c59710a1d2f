"""DSPy trains on exactly what was logged, and every private hook used is still there."""

import inspect
import json
from typing import Any

import dspy
import pytest
from dspy.clients.provider import Provider, TrainingJob
from dspy.clients.utils_finetune import TrainDataFormat, infer_data_format
from dspy.teleprompt.bootstrap_finetune import BootstrapFinetune, build_call_data_from_trace
from hypothesis import given, settings
from hypothesis import strategies as st

from distiller.programs.bootstrap import bootstrap
from distiller.programs.provider import LocalProvider
from distiller.programs.replay import ReplayLM
from distiller.programs.verbatim import AnswerCall, VerbatimAdapter
from distiller.training.rows import Row

TOOLS = [{"type": "function", "function": {"name": "f", "parameters": {"type": "object"}}}]
MALFORMED = '{"city": "Rome",, "x": \u00e9 \\u00e9 01}'


def call(arguments: str) -> dict[str, Any]:
    return {"id": "call_1", "type": "function", "function": {"name": "f", "arguments": arguments}}


def row(i: int, completion: dict[str, Any], *, passed: bool = True, **request: Any) -> Row:
    body = {"model": "m", "messages": [{"role": "user", "content": f"question {i}"}], **request}
    return Row(call_id=f"c{i}", unit=f"u{i}", request=body, completion=completion, passed=passed)


def trained_rows(rows: list[Row]) -> list[dict[str, Any]]:
    seen: list[dict[str, Any]] = []

    def train(chats: list[dict[str, Any]]) -> str:
        seen.extend(chats)
        return "made-here"

    assert bootstrap(rows, train) == "made-here"
    return seen


def canonical(rows: list[dict[str, Any]]) -> list[str]:
    return sorted(json.dumps(r) for r in rows)


def test_rows_equal_the_log_word_for_word() -> None:
    answers: list[dict[str, Any]] = [
        {"role": "assistant", "content": None, "tool_calls": [call(MALFORMED)], "refusal": None},
        {"role": "assistant", "content": "", "tool_calls": [call("{}"), call("[")]},
        {"role": "assistant", "content": "[[ ## completed ## ]] plain\n\n text \u2028"},
        {"role": "assistant", "content": '{"completion": {"role": "user"}}'},
    ]
    rows = [row(i, answers[i % 4], tools=TOOLS if i % 4 < 2 else None, temperature=0.2) for i in range(40)]
    expected = [
        {
            "messages": [*r.request["messages"], r.completion],
            **({"tools": TOOLS} if r.request["tools"] else {}),
        }
        for r in rows
    ]
    assert canonical(trained_rows(rows)) == canonical(expected)


@settings(max_examples=5, deadline=None)
@given(st.lists(st.booleans(), min_size=1, max_size=12))
def test_only_passing_rows_are_kept(flags: list[bool]) -> None:
    rows = [row(i, {"role": "assistant", "content": str(i)}, passed=flag) for i, flag in enumerate(flags)]
    kept = {chat["messages"][-1]["content"] for chat in trained_rows(rows)}
    assert kept == {str(i) for i, flag in enumerate(flags) if flag}


def test_an_error_of_the_trainer_comes_out() -> None:
    def train(_: list[dict[str, Any]]) -> str:
        raise ValueError("no such device")

    with pytest.raises(ValueError, match="no such device"):
        bootstrap([row(0, {"role": "assistant", "content": "x"})], train)


def test_the_hooks_of_dspy_are_as_they_were() -> None:
    """Each of these is private or undocumented; a new DSPy that moves one must fail here."""
    assert dspy.__version__.startswith("3.4.")
    adapter = VerbatimAdapter({}.__getitem__)
    assert infer_data_format(adapter) == TrainDataFormat.CHAT
    named = list(inspect.signature(dspy.ChatAdapter.format_finetune_data).parameters)
    assert named == ["self", "signature", "demos", "inputs", "outputs"]
    assert list(inspect.signature(dspy.ChatAdapter.__call__).parameters)[1:] == [
        "lm", "lm_kwargs", "signature", "demos", "inputs",
    ]  # fmt: skip
    assert hasattr(dspy.ChatAdapter, "_call_preprocess")
    assert hasattr(dspy.ChatAdapter, "_call_postprocess")
    assert list(inspect.signature(BootstrapFinetune.compile).parameters) == [
        "self",
        "student",
        "trainset",
        "teacher",
    ]
    assert "adapter" in inspect.signature(build_call_data_from_trace).parameters
    assert list(inspect.signature(Provider.finetune).parameters) == [
        "job", "model", "train_data", "train_data_format", "train_kwargs",
    ]  # fmt: skip
    assert {"finetuning_model", "provider"} <= set(inspect.signature(dspy.LM.__init__).parameters)


def test_the_provider_refuses_rows_of_another_kind() -> None:
    provider = LocalProvider(lambda _: "x")
    assert provider.finetunable
    job = provider.TrainingJob()
    assert isinstance(job, TrainingJob)
    assert job.status() == "running"
    with pytest.raises(ValueError, match="chat rows"):
        provider.finetune(job, "m", [], TrainDataFormat.COMPLETION)


def test_the_replay_teacher_is_never_asked_over_a_wire() -> None:
    program = dspy.Predict(AnswerCall)
    program.set_lm(ReplayLM())
    logged = {"role": "assistant", "content": None, "tool_calls": [call(MALFORMED)]}
    with dspy.context(adapter=VerbatimAdapter({"a": logged}.__getitem__)):
        assert program(call_id="a", request={"messages": []}).completion == logged
        with pytest.raises(KeyError):
            program(call_id="b", request={"messages": []})
