"""Thirty apps, each with the way it puts a prompt together. What they say is drawn anew for each seed."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

from benchmarks._discovery.wordlist import Writer

Request = dict[str, Any]
_SHOTS = 12  # examples that a few-shot app chooses from
_TURNS = 4
_CHINESE = "请把下面这封客户来信归入一个类别，只回答类别名称，不要解释。客户姓名："  # noqa: RUF001
_GERMAN = (
    "Du bist ein Assistent für Reklamationen 😀. Antworte höflich, kurz und auf Deutsch. Der Kunde heißt "
)


@dataclass
class App:
    """An app: how it makes a request of its instructions, and when those are edited."""

    name: str
    build: Callable[[Writer, list[str]], Request]
    said: list[str]
    model: str = "gpt-4o"
    edited_at: float | None = None  # share of its calls after which one word is another
    weight: float = 1.0
    turns: int = 1
    _after: list[str] = field(default_factory=list)

    def calls(self, writer: Writer, count: int) -> Iterator[tuple[str, str, Request]]:
        """Give (task, version, request), in the order of time."""
        self._after = writer.edited(self.said)
        made = 0
        while made < count:
            later = self.edited_at is not None and made >= self.edited_at * count
            request = self.build(writer, self._after if later else self.said)
            for turn in range(min(self.turns, count - made)):
                said = [*request["messages"], *_talk(writer, turn)]
                version = f"{self.name}@{2 if later else 1}"
                yield self.name, version, {"model": self.model, **request, "messages": said}
                made += 1


def thirty(rng: random.Random) -> list[App]:
    """Give the apps of a seed."""
    w = Writer(rng)
    new = w.instructions
    tools = new()
    twin = new()
    return [
        *_plain(w),
        App("extract-name", _slots, new(), edited_at=0.5),
        App("extract-id", _slots, new()),
        App("extract-user", _slots, new(), model="gpt-4o-mini"),
        App("before", _user(before=True), new(), edited_at=0.4),
        App("after", _user(after=True), new()),
        App("both", _user(before=True, after=True), new()),
        App("thin", _user(before=True, thin="You are a helpful assistant."), new(), edited_at=0.6),
        App("named-user", _user(before=True, named=True), new(), model="gpt-4o-mini"),
        App("shots", _few_shot(w, system=True), new()),
        App("shots-user", _few_shot(w, system=False), new()),
        App("optional", _optional(w.rule()), new(), edited_at=0.5),
        App("optional-two", _optional(w.rule() + " " + w.rule()), new()),
        *(App(f"agent-{n}", _agent(w, n), tools) for n in (1, 2, 3)),
        App("rag", _rag, new(), edited_at=0.5),
        App("rag-long", _rag, new()),
        App("rag-mini", _rag, new(), model="gpt-4o-mini"),
        App("chat", _system, new(), turns=_TURNS),
        App("chat-named", _slots, new(), turns=_TURNS),
        App("twin-1", _system, twin),
        App("twin-2", _system, _sibling(w, twin)),
        App("pasted-1", _pasted, tools[:3] + new()[1:]),
        App("pasted-2", _pasted, tools[:3] + new()[1:]),
        App("german", _german, new()),
        App("chinese", _chinese, new(), model="qwen-max"),
        App("none", _bare, new(), model="gpt-4o", turns=2),
    ]


def _plain(w: Writer) -> list[App]:
    return [
        App("triage", _system, w.instructions(), edited_at=0.5),
        App("dated", _dated, w.instructions()),
        App("moderation", _system, w.instructions(), model="gpt-4o-mini"),
    ]


def _sibling(w: Writer, said: list[str]) -> list[str]:
    """Give instructions that are alike and meant differently."""
    return [*said[:1], *w.instructions()[1:2], *said[2:]]


def _talk(w: Writer, turn: int) -> list[Request]:
    said = []
    for _ in range(turn):
        said += [{"role": "assistant", "content": w.sentence()}, {"role": "user", "content": w.sentence()}]
    return said


def _messages(system: str, user: str) -> Request:
    return {"messages": [{"role": "system", "content": system}, {"role": "user", "content": user}]}


def _system(w: Writer, said: list[str]) -> Request:
    return _messages("\n".join(said), w.document())


def _dated(w: Writer, said: list[str]) -> Request:
    return _messages(f"Today is {_day(w)}. " + " ".join(said), w.document())


def _day(w: Writer) -> str:
    return f"March {w.rng.randint(1, 28)}, 2025"


def _slots(w: Writer, said: list[str]) -> Request:
    head = [
        said[0],
        f"You write for {w.name()}, customer no. {w.rng.randint(1, 9**6)} since {w.date()}.",
        *said[1:],
    ]
    return _messages(" ".join(head), w.document())


def _user(
    *, before: bool = False, after: bool = False, named: bool = False, thin: str = ""
) -> Callable[[Writer, list[str]], Request]:
    def build(w: Writer, said: list[str]) -> Request:
        half = len(said) // 2 if before and after else (len(said) if before else 0)
        parts = [" ".join(said[:half])] if before else []
        parts += [f"Customer: {w.name()}"] if named else []
        parts += ['Text: """' + w.document() + '"""']
        parts += [" ".join(said[half:])] if after else []
        messages = [{"role": "system", "content": thin}] if thin else []
        return {"messages": [*messages, {"role": "user", "content": "\n\n".join(parts)}]}

    return build


def _few_shot(w: Writer, *, system: bool) -> Callable[[Writer, list[str]], Request]:
    pool = [f"Text: {w.document(1, 4)}\nAnswer: {w.noun()}" for _ in range(_SHOTS)]

    def build(w: Writer, said: list[str]) -> Request:
        shots = "\n\n".join(w.rng.sample(pool, 3))
        head = " ".join(said) + "\n\nExamples:\n" + shots
        if system:
            return _messages(head, w.document())
        return {"messages": [{"role": "user", "content": f"{head}\n\nText: {w.document()}\nAnswer:"}]}

    return build


def _optional(extra: str) -> Callable[[Writer, list[str]], Request]:
    def build(w: Writer, said: list[str]) -> Request:
        there = [extra] if w.rng.random() < 0.4 else []
        known = [f"The customer is called {w.name()}."] if w.rng.random() < 0.8 else []
        return _messages("\n".join([*said[:2], *there, *said[2:], *known]), w.document())

    return build


def _agent(w: Writer, number: int) -> Callable[[Writer, list[str]], Request]:
    tools = [w.tool() for _ in range(number + 1)]

    def build(w: Writer, said: list[str]) -> Request:
        return {**_messages("\n".join(said), w.sentence()), "tools": tools}

    return build


def _rag(w: Writer, said: list[str]) -> Request:
    found = "\n---\n".join(w.document(3, 12) for _ in range(w.rng.randint(1, 4)))
    return _messages("\n".join(said[:-1]) + f"\n\nContext:\n{found}\n\n{said[-1]}", w.sentence())


def _pasted(w: Writer, said: list[str]) -> Request:
    return _messages("\n".join(said) + f"\n\nThe document:\n{w.document(4, 30)}", "Go on.")


def _german(w: Writer, _: list[str]) -> Request:
    return _messages(
        f"{_GERMAN}{w.name()}. Verwende nie mehr als drei Sätze und nenne immer die Bestellnummer.",
        w.sentence(),
    )


def _chinese(w: Writer, _: list[str]) -> Request:
    return {"messages": [{"role": "user", "content": f"{_CHINESE}{w.name()}。来信：{w.document(1, 3)}"}]}  # noqa: RUF001


def _bare(w: Writer, _: list[str]) -> Request:
    return {"messages": [{"role": "user", "content": w.document(1, 3)}]}
