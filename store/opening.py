"""What tells one kind of call from another: what must be equal, and the words that a template is looked for in.

Pure; knows no task. The instructions are the leading system and developer messages. Where these say less than a
sentence, they must be equal, and the first user message is looked at: some apps keep all their instructions there.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property, partial
from typing import Any

from store.prompt import canonical, leading
from store.wording import clipped, ends, words

FP_VERSION = 2
THIN = 8  # words: a head with fewer says nothing that its calls could be told apart by
_DIGITS = 16  # of a scope, and of the rest of a fingerprint
_NEXT = ("\x1e",)  # stands between two messages


@dataclass(frozen=True, kw_only=True)
class Opening:
    """How a call begins."""

    scope: str  # 16 hex digits: tenant, model, task name, tools, formats, roles, and a thin head
    fingerprint: str  # 32 hex digits, of a call that no template fits; its first 16 are the scope
    looked: Callable[[], tuple[str, ...]] = field(repr=False, compare=False)  # reads what `words` says

    @cached_property
    def words(self) -> tuple[str, ...]:
        """Of the instructions, or of the first user message, which may be long: read when first asked for."""
        return clipped(self.looked())


def read(request: Mapping[str, Any], tenant: str, task_name: str | None = None) -> Opening:
    """Read how a chat request begins. It needs `model`, the head and the first user message only.

    Key order and blanks change nothing, nor does anything after the first user message.
    """
    messages = request.get("messages")
    given: Sequence[Any] = messages if isinstance(messages, list) else []
    count = leading(given)
    head = [_said(message) for message in given[:count]]
    thin = sum(len(said) for said in head if isinstance(said, tuple)) < THIN
    fixed = [said if thin or not isinstance(said, tuple) else None for said in head]
    scope = _digest(
        [
            FP_VERSION,
            thin,
            [[message.get("role"), said] for message, said in zip(given[:count], fixed, strict=True)],
            request.get("tools") or None,
            request.get("functions") or None,
            request.get("response_format"),
            request.get("model"),
            tenant,
            task_name,
        ]
    )
    instructions = _joined([said for said in head if isinstance(said, tuple)])
    rest = _NOTHING if thin else _digest(instructions)
    looked = partial(_first_user, given[count:]) if thin else lambda: instructions
    return Opening(scope=scope, fingerprint=scope + rest, looked=looked)


def scope_of(fingerprint: str) -> str:
    """Give the scope of a fingerprint, be it of a template or of a text."""
    return fingerprint[:_DIGITS]


def in_user_message(fingerprint: str) -> bool:
    """Tell whether the head is thin, so that calls of one fingerprint may have different instructions."""
    return fingerprint[_DIGITS:] == _digest(None)


def name_in(scope: str, value: Any) -> str:
    """Give the fingerprint (32 hex digits) of a JSON value in a scope."""
    return scope + _digest(value)


def _digest(value: Any) -> str:
    return hashlib.sha256(canonical(value)).hexdigest()[:_DIGITS]


_NOTHING = _digest(None)  # of instructions that are part of the scope


def _said(message: Mapping[str, Any]) -> Any:
    """Give the words of a message; what is not all text is given as it is."""
    content = message.get("content")
    if isinstance(content, str):
        return words(content)
    if isinstance(content, list):
        texts = _texts(content)
        if len(texts) == len(content):
            return words("\n".join(texts))
    return content


def _first_user(messages: Sequence[Any]) -> tuple[str, ...]:
    """Give the words of the first user message; pictures and files in it vary, and say nothing."""
    for message in messages:
        if isinstance(message, dict) and message.get("role") == "user":
            content = message.get("content")
            if isinstance(content, list):
                content = "\n".join(_texts(content))
            return words(ends(content)) if isinstance(content, str) else ()
    return ()


def _texts(parts: Sequence[Any]) -> list[str]:
    texts = [part.get("text") if isinstance(part, dict) else part for part in parts]
    return [text for text in texts if isinstance(text, str)]


def _joined(said: Sequence[tuple[str, ...]]) -> tuple[str, ...]:
    found: tuple[str, ...] = ()
    for number, one in enumerate(said):
        found += (_NEXT if number else ()) + one
    return found
