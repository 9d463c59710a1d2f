"""What a DSPy predictor's instructions and demos mean on the wire: a `Program`, applied by `store.program` alone.

The same function rewrites when a student is trained, evaluated and served; nothing here puts messages together
in a way of its own. Knows no model and no optimiser.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import dspy

from distiller.programs.replay import ReplayLM
from distiller.programs.student import StudentLM
from distiller.programs.verbatim import AnswerCall, Message, VerbatimAdapter
from distiller.scoring import message as read
from store.program import rewrite
from store.prompt import head_hash, leading
from store.vocabulary import Program


@dataclass(frozen=True, kw_only=True, slots=True)
class Wording:
    """The instructions that nearly all calls of a task share; without any, none can be rewritten."""

    head_hash: str = ""
    text: str = ""

    @classmethod
    def of(cls, requests: Iterable[Mapping[str, Any]], wanted: str) -> Wording:
        """Return that of the head whose hash is `wanted`; the empty one for ""."""
        for request in requests if wanted else ():
            if head_hash(request) == wanted:
                messages = request["messages"]
                texts = [read.text(message) for message in messages[: leading(messages)]]
                return cls(head_hash=wanted, text="\n\n".join(texts))
        return cls()


class Wire:
    """Reads a program off a predictor, and makes a predictor that begins with a program."""

    def __init__(self, wording: Wording, start: Program) -> None:
        self._hash = wording.head_hash or start.head_hash
        self.start = start
        # DSPy cleans a docstring's margins, so the app's own words are known by what DSPy makes of them.
        self._own = AnswerCall.with_instructions(wording.text or AnswerCall.instructions)

    def predictor(self, lm: dspy.BaseLM) -> Any:
        """Return a fresh predictor with the starting program's instructions and examples."""
        signature = self._own
        if self.start.head:
            signature = signature.with_instructions("\n\n".join(read.text(m) for m in self.start.head))
        predictor = dspy.Predict(signature)
        predictor.demos = [dspy.Example(turns=list(self.start.demos))] if self.start.demos else []
        predictor.set_lm(lm)
        return predictor

    def program(self, signature: Any, demos: Sequence[Any]) -> Program:
        """Return what a predictor with this signature and these demos does to a request."""
        turns = tuple(message for demo in demos for message in turns_of(demo))
        if signature.instructions == self._own.instructions:
            return Program(demos=turns)
        head = ({"role": "system", "content": signature.instructions},)
        return Program(head=head, demos=turns, head_hash=self._hash)

    def read(self, predictor: Any) -> Program:
        """Return what a predictor does to a request."""
        return self.program(predictor.signature, predictor.demos)


def turns_of(demo: Any) -> list[Message]:
    """Return an example as messages: what follows its instructions, and the logged answer."""
    if "turns" in demo:
        return list(demo.turns)
    messages = demo.request["messages"]
    answer = {"role": "assistant", "content": demo.completion["content"]}
    return [*messages[leading(messages) :], answer]


def quoted(program: Program, examples: Iterable[Any]) -> list[str]:
    """Return the ids of the calls whose words stand among a program's demos."""
    demos = list(program.demos)
    turns = {example.call_id: turns_of(example) for example in examples}
    return sorted(
        call_id
        for call_id, said in turns.items()
        if any(demos[i : i + len(said)] == said for i in range(len(demos)))
    )


class WireAdapter(VerbatimAdapter):
    """Has the student answer the rewritten request, and be trained on it. The replay teacher answers from the log."""

    def __init__(self, recall: Any, wire: Wire) -> None:
        super().__init__(recall)
        self._wire = wire

    def __call__(
        self, lm: Any, lm_kwargs: dict[str, Any], signature: Any, demos: list[Any], inputs: dict[str, Any]
    ) -> list[dict[str, Any]]:
        """Ask the student as it is asked when it serves; DSPy's own way would write the body anew."""
        if isinstance(lm, StudentLM):
            return [{"completion": lm.answer(self._rewritten(signature, demos, inputs))}]
        if not isinstance(lm, ReplayLM):
            raise TypeError(f"a logged call is answered by the student or the log, not by {lm!r}")
        return super().__call__(lm, lm_kwargs, signature, demos, inputs)

    def format(self, signature: Any, demos: list[Any], inputs: dict[str, Any]) -> list[Message]:
        """Return the rewritten request's messages."""
        messages: list[Message] = self._rewritten(signature, demos, inputs)["messages"]
        return messages

    def format_finetune_data(
        self, signature: Any, demos: list[Any], inputs: dict[str, Any], outputs: Mapping[str, Any]
    ) -> dict[str, Any]:
        """Return one chat row: the rewritten request's messages, then the logged answer; with its tools, if any."""
        told = {**inputs, "request": self._rewritten(signature, demos, inputs)}
        return super().format_finetune_data(signature, demos, told, outputs)

    def _rewritten(self, signature: Any, demos: list[Any], inputs: dict[str, Any]) -> dict[str, Any]:
        request = rewrite(inputs["request"], self._wire.program(signature, demos))
        if request is None:
            raise ValueError(f"the call {inputs['call_id']} is not for this student")
        return request
