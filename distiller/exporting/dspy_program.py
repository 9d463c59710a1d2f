"""A student as a DSPy program. Needs DSPy and the file `student.json` beside this one, nothing else.

    from program import load

    student = load("http://127.0.0.1:8080/v1")  # any server of the student's weights that speaks OpenAI's chat
    student(messages=[{"role": "user", "content": "..."}]).completion["content"]

What the student sees is what it was trained on: the messages themselves, its own instructions and examples
put in as when it served. DSPy's optimisers take it as any program; inputs are `messages`, the output `completion`.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import dspy

HERE = Path(__file__).parent
LEADING = ("system", "developer")


class Answer(dspy.Signature):  # type: ignore[misc]
    """Answer a chat."""

    messages: list[dict[str, Any]] = dspy.InputField()
    completion: dict[str, Any] = dspy.OutputField()  # the assistant's message


class Verbatim(dspy.ChatAdapter):  # type: ignore[misc]
    """Sends the messages as they are, rewritten by the student's program, and takes the answer as it comes."""

    def __init__(self, program: dict[str, Any]) -> None:
        super().__init__(use_json_adapter_fallback=False)
        self.program = program

    def format(self, signature: Any, demos: list[Any], inputs: dict[str, Any]) -> list[dict[str, Any]]:  # noqa: ARG002
        """Return head, examples, and the rest of the messages."""
        messages = inputs["messages"]
        heading = next((i for i, m in enumerate(messages) if m["role"] not in LEADING), len(messages))
        head = self.program["head"]
        return [*(messages[:heading] if head is None else head), *self.program["demos"], *messages[heading:]]

    def parse(self, signature: Any, completion: str) -> dict[str, Any]:  # noqa: ARG002
        """Return the text as an assistant's message."""
        return {"completion": {"role": "assistant", "content": completion}}


class Student(dspy.Module):  # type: ignore[misc]
    """Answers chats."""

    def __init__(self, program: dict[str, Any]) -> None:
        super().__init__()
        self.adapter = Verbatim(program)
        self.answer = dspy.Predict(Answer)

    def forward(self, messages: list[dict[str, Any]]) -> Any:
        """Return a prediction with `completion`."""
        with dspy.context(adapter=self.adapter):
            return self.answer(messages=messages)


def load(api_base: str, api_key: str = "none", folder: Path = HERE) -> Student:
    """Return the student, bound to the server at `api_base`."""
    told = json.loads((folder / "student.json").read_text("utf-8"))
    student = Student(told["program"])
    student.set_lm(
        dspy.LM(f"openai/{told['model']}", api_base=api_base, api_key=api_key, temperature=0, cache=False)
    )
    return student
