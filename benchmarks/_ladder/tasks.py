"""The tasks: requests with their right answers, to learn from and, apart, to be tested on. Knows no student.

SNIPS and Banking77 are read from a folder that holds `snips/{train,validate}.jsonl` and `banking77/{train,test}.csv`.
"""

from __future__ import annotations

import csv
import json
import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any

from benchmarks._ladder import tools
from stillhouse.demo import tickets

_SLOTS = (
    'Read the voice command. Answer with one JSON object: "intent", and "slots", an object from the name of each slot that is '
    "there to the words of the command that fill it."
)


@dataclass(frozen=True, kw_only=True, slots=True)
class Example:
    """One request of the app and the assistant's right message."""

    request: dict[str, Any]
    answer: dict[str, Any]


@dataclass(frozen=True, kw_only=True, slots=True)
class Play:
    """One task of an app."""

    name: str
    train: list[Example]
    test: list[Example]  # the file's own test split, or another seed of the generator


def make(name: str, data: Path, calls: int, tests: int) -> Play:
    """Give a task with at most so many calls and tests, in the same random order each time."""
    train, test = _MAKERS[name](data)
    return Play(name=name, train=_some(train, calls, 7), test=_some(test, tests, 8))


def _some(examples: Sequence[Example], most: int, seed: int) -> list[Example]:
    return random.Random(seed).sample(examples, min(most, len(examples)))


def _intents(data: Path) -> tuple[list[Example], list[Example]]:
    train, test = (_lines(data / "snips" / f"{part}.jsonl") for part in ("train", "validate"))
    return tuple(_labels([(row["text"], row["intent"]) for row in rows], train) for rows in (train, test))  # type: ignore[return-value]


def _banking(data: Path) -> tuple[list[Example], list[Example]]:
    parts = []
    for part in ("train", "test"):
        with (data / "banking77" / f"{part}.csv").open(newline="", encoding="utf-8") as file:
            parts.append([(row["text"].strip(), row["category"]) for row in csv.DictReader(file)])
    names = [{"intent": label} for _, label in parts[0]]
    return _labels(parts[0], names), _labels(parts[1], names)


def _slots(data: Path) -> tuple[list[Example], list[Example]]:
    def of(part: str) -> list[Example]:
        return [
            _example(
                _SLOTS,
                row["text"],
                json.dumps({"intent": row["intent"], "slots": _said(row["slots"])}, ensure_ascii=False),
            )
            for row in _distinct(_lines(data / "snips" / f"{part}.jsonl"))
        ]

    return of("train"), of("validate")


def _triage(data: Path) -> tuple[list[Example], list[Example]]:  # noqa: ARG001 - made up
    schema = {
        "type": "json_schema",
        "json_schema": {"name": "triage", "schema": tickets.SCHEMA, "strict": True},
    }

    def of(seed: int, count: int) -> list[Example]:
        made = islice(tickets.tickets(seed), count)
        return [
            _example(tickets.INSTRUCTIONS, pair.input, pair.output, response_format=schema) for pair in made
        ]

    return of(1, 4000), of(2, 1000)


def _tools(data: Path) -> tuple[list[Example], list[Example]]:  # noqa: ARG001 - made up
    def of(seed: int, count: int) -> list[Example]:
        made: dict[str, Example] = {}
        for number, (text, name, arguments) in enumerate(islice(tools.wishes(seed), count)):
            request = _request(tools.INSTRUCTIONS, text, tools=tools.TOOLS, tool_choice="auto")
            made.setdefault(
                text, Example(request=request, answer=tools.message(name, arguments, f"call_{seed}_{number}"))
            )
        return list(made.values())

    train = of(1, 4000)
    seen = {example.request["messages"][-1]["content"] for example in train}
    return train, [one for one in of(2, 4000) if one.request["messages"][-1]["content"] not in seen]


_MAKERS: dict[str, Callable[[Path], tuple[list[Example], list[Example]]]] = {
    "snips-intents": _intents, "snips-slots": _slots, "banking77": _banking, "triage": _triage, "tools": _tools,
}  # fmt: skip
NAMES = tuple(_MAKERS)


def _labels(pairs: Sequence[tuple[str, str]], named: Sequence[dict[str, Any]]) -> list[Example]:
    labels = sorted({row["intent"] for row in named})
    system = "Classify the message. Answer with exactly one of: " + ", ".join(labels) + "."
    return [_example(system, text, label) for text, label in dict(pairs).items()]


def _lines(path: Path) -> list[dict[str, Any]]:
    with path.open(encoding="utf-8") as file:
        return [json.loads(line) for line in file]


def _distinct(rows: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    return list({row["text"]: row for row in rows}.values())


def _said(slots: dict[str, list[str]]) -> dict[str, str]:
    return {name: ", ".join(values) for name, values in slots.items()}


def _example(system: str, text: str, answer: str, **more: Any) -> Example:
    return Example(request=_request(system, text, **more), answer={"role": "assistant", "content": answer})


def _request(system: str, text: str, **more: Any) -> dict[str, Any]:
    messages = [{"role": "system", "content": system}, {"role": "user", "content": text.strip()}]
    return {"model": "gpt-4.1", "temperature": 0, "messages": messages, **more}
