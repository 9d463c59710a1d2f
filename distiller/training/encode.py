"""Chat rows to token ids. Knows no weights and no order of training."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from distiller.training.template import render_answer

Ids = tuple[int, ...]


@dataclass(frozen=True, kw_only=True, slots=True)
class Example:
    """Prompt and answer as token ids; only the answer is learnt."""

    prompt: Ids
    answer: Ids

    def __len__(self) -> int:
        """Tokens of both."""
        return len(self.prompt) + len(self.answer)

    @property
    def inputs(self) -> Ids:
        """What the model reads: nothing follows the last token of the answer."""
        return (*self.prompt, *self.answer[:-1])


@dataclass(frozen=True, kw_only=True, slots=True)
class Encoded:
    """The rows that fit, in their order, and how many did not."""

    examples: list[Example]
    too_long: int


def tokens(tokenizer: Any, text: str) -> Ids:
    """Ids of a rendered text: its markers count as markers, nothing is added."""
    return tuple(tokenizer(text, add_special_tokens=False).input_ids)


def encode(tokenizer: Any, chats: Iterable[Mapping[str, Any]], max_length: int) -> Encoded:
    """Chat rows ({"messages": [..., answer], "tools": [...]}) of at most `max_length` tokens each."""
    examples, too_long = [], 0
    for chat in chats:
        prompt, answer = render_answer(tokenizer, chat)
        example = Example(prompt=tokens(tokenizer, prompt), answer=tokens(tokenizer, answer))
        if len(example) > max_length:
            too_long += 1
        else:
            examples.append(example)
    return Encoded(examples=examples, too_long=too_long)
