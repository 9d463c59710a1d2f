"""The student as DSPy's language model: asked over HTTP in the words that it is evaluated with. Knows no optimiser.

DSPy's own transport would write a request anew on its way. Answers are the likeliest ones, so each is kept: a child
that was killed and goes on asks nothing twice.
"""

from __future__ import annotations

import json
import threading
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import dspy
import httpx

from distiller.evaluation.ask import body, greedy, read_reply
from distiller.programs.provider import House, LocalProvider
from distiller.programs.verbatim import Message
from distiller.programs.watch import Watch
from distiller.training.errors import TrainingError
from store.ids import digest

# What is right is compared here, on a machine that trains meanwhile; whether it is in time, the evaluation judges.
PATIENCE_S = 120.0
FAILED: Message = {"role": "assistant", "content": None}  # in place of an answer that does not count


class Answers:
    """What was answered, by a digest of what was asked; in a file that outlives a kill. Thread-safe."""

    def __init__(self, file: Path) -> None:
        self._file = file
        self._lock = threading.Lock()  # one line at a time
        file.parent.mkdir(parents=True, exist_ok=True)
        self._known: dict[str, Message] = {}
        for line in file.read_text("utf-8").splitlines() if file.is_file() else ():
            try:
                kept = json.loads(line)
            except ValueError:
                continue  # the line under way when it was killed
            self._known[kept["asked"]] = kept["message"]

    def get(self, asked: str) -> Message | None:
        """Return the answer, None where there is none yet."""
        return self._known.get(asked)

    def keep(self, asked: str, message: Message) -> None:
        """Keep an answer."""
        with self._lock, self._file.open("a", encoding="utf-8") as file:
            file.write("\n" + json.dumps({"asked": asked, "message": message}))
        self._known[asked] = message


@dataclass(frozen=True, kw_only=True)
class Line:
    """What all copies of one student model share."""

    house: House
    answers: Answers
    client: httpx.Client
    watch: Watch

    def answer(self, model: str, request: dict[str, Any]) -> Message:
        """Return the model's likeliest answer, FAILED where it has none that counts. Raises TrainingError."""
        asked = greedy(body(request, model))
        key = digest(json.dumps(asked, sort_keys=True).encode())
        if (known := self.answers.get(key)) is not None:
            return known
        self.watch.check()
        response = self._ask(model, asked)
        if response is None or response.is_server_error:
            return FAILED  # not kept: another time it may do better
        reply = read_reply(response)
        message = FAILED if reply.error or reply.message is None else reply.message
        self.answers.keep(key, message)
        return message

    def _ask(self, model: str, asked: dict[str, Any]) -> httpx.Response | None:
        """Ask, once more where the server is gone; None where it is too slow."""
        for _ in range(2):
            try:
                url = f"{self.house.url(model)}/chat/completions"
                return self.client.post(url, json=asked, timeout=PATIENCE_S)
            except TrainingError as error:
                raise self.watch.broke(error) from None
            except httpx.TimeoutException:
                return None
            except httpx.TransportError:
                continue
        raise self.watch.broke(TrainingError(f"the server of {model} is gone"))


class StudentLM(dspy.LM):  # type: ignore[misc]
    """One student model. A copy with another name, which is what DSPy makes of a fine-tuned one, is another model."""

    def __init__(self, model: str, line: Line, provider: LocalProvider) -> None:
        super().__init__(model, api_key="none", cache=False, provider=provider, finetuning_model=model)
        self.line = line

    def __deepcopy__(self, _memo: dict[int, Any]) -> StudentLM:
        """Return itself: optimisers copy programs, and there is one server."""
        return self

    def answer(self, request: dict[str, Any]) -> Message:
        """Answer a rewritten request."""
        return self.line.answer(self.model, request)
