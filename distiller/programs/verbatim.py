"""A DSPy program whose prompt and training rows are the logged messages, word for word.

DSPy's own adapters would wrap them in field markers and write tool arguments anew. Knows no model.
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Mapping
from typing import Any

import dspy

from distiller.programs.replay import ReplayLM

Message = dict[str, Any]
# Of a request, what is passed on to a model that is really called.
_OPTIONS = (
    "tools", "tool_choice", "parallel_tool_calls", "response_format", "temperature", "top_p", "max_tokens",
    "max_completion_tokens", "stop", "seed",
)  # fmt: skip


class AnswerCall(dspy.Signature):  # type: ignore[misc]
    """Answer one logged chat call."""

    call_id: str = dspy.InputField()
    request: dict[str, Any] = dspy.InputField()  # the request body as the student sees it
    completion: dict[str, Any] = dspy.OutputField()  # the whole assistant message


class VerbatimAdapter(dspy.ChatAdapter):  # type: ignore[misc]
    """Passes messages through untouched. A ChatAdapter, because DSPy trains chat rows for no other kind.

    `recall(call_id)` gives the teacher's assistant message, out of the log or of a model; KeyError for an unknown id.
    One that extends it may write answers otherwise, not what is asked (`distiller.programs.bootstrap` refuses that).
    """

    def __init__(self, recall: Callable[[str], Message]) -> None:
        super().__init__(use_json_adapter_fallback=False)  # no hidden second call
        self._recall = recall

    def __call__(
        self, lm: Any, lm_kwargs: dict[str, Any], signature: Any, demos: list[Any], inputs: dict[str, Any]
    ) -> list[dict[str, Any]]:
        """Answer for the teacher by the id of the call; any other model is called."""
        if isinstance(lm, ReplayLM):
            return [{"completion": copy.deepcopy(self._recall(inputs["call_id"]))}]
        answers: list[dict[str, Any]] = super().__call__(lm, lm_kwargs, signature, demos, inputs)
        return answers

    def format(self, signature: Any, demos: list[Any], inputs: dict[str, Any]) -> list[Message]:  # noqa: ARG002
        """Return the request's own messages."""
        messages: list[Message] = copy.deepcopy(inputs["request"]["messages"])
        return messages

    def _call_preprocess(
        self, lm: Any, lm_kwargs: dict[str, Any], signature: Any, inputs: dict[str, Any]  # noqa: ARG002
    ) -> Any:  # fmt: skip
        request = inputs["request"]
        lm_kwargs.update({k: copy.deepcopy(request[k]) for k in _OPTIONS if k in request})
        return signature

    def _call_postprocess(
        self, processed: Any, original: Any, outputs: list[Any], lm: Any, lm_kwargs: dict[str, Any]  # noqa: ARG002
    ) -> list[dict[str, Any]]:  # fmt: skip
        return [{"completion": _message(output)} for output in outputs]

    def parse(self, signature: Any, completion: str) -> dict[str, Any]:  # noqa: ARG002
        """Return the text as an assistant message."""
        return {"completion": {"role": "assistant", "content": completion}}

    def format_finetune_data(
        self, signature: Any, demos: list[Any], inputs: dict[str, Any], outputs: Mapping[str, Any]  # noqa: ARG002
    ) -> dict[str, Any]:  # fmt: skip
        """Return one chat row: the request's messages, then the logged answer; with its tools, if any."""
        request = inputs["request"]
        row = {"messages": copy.deepcopy([*request["messages"], outputs["completion"]])}
        if request.get("tools"):
            row["tools"] = copy.deepcopy(request["tools"])
        return row


def _message(output: Any) -> Message:
    """Make the assistant message of a DSPy output, whose text may be absent."""
    parts = output if isinstance(output, dict) else {"text": output}
    message: Message = {"role": "assistant", "content": parts.get("text")}
    if parts.get("tool_calls"):
        message["tool_calls"] = copy.deepcopy(list(parts["tool_calls"]))
    return message
