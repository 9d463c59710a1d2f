"""What of a request is classified: one text. Pure; knows no encoder."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from distiller.scoring import message as read
from store.prompt import leads

TURNS = 3  # the newest messages that are read


def newest_first(request: Mapping[str, Any]) -> tuple[str, ...]:
    """Return the texts of the newest messages, the newest first, so that a cut takes the oldest away.

    The instructions are left out: they are the same for all (the student's program says for whom it is).
    """
    messages = [m for m in request.get("messages") or () if isinstance(m, dict) and not leads(m.get("role"))]
    return tuple(read.text(message) for message in reversed(messages[-TURNS:]))


@dataclass(frozen=True, kw_only=True, slots=True)
class Template:
    """What every newest message begins and ends with: a prompt kept in the user's message. It says nothing."""

    prefix: str = ""
    suffix: str = ""

    @classmethod
    def of(cls, texts: Sequence[str]) -> Template:
        """Return what all texts share at their ends, whole words only; nothing for fewer than two different texts."""
        if len(set(texts)) < 2:  # noqa: PLR2004 - to share something it takes two
            return cls()
        prefix = _shared(texts)
        rest = [text[len(prefix) :][::-1] for text in texts]
        return cls(prefix=prefix, suffix=_shared(rest)[::-1])

    def strip(self, text: str) -> str:
        """Return a text without them, where it has both."""
        fits = text.startswith(self.prefix) and text.endswith(self.suffix)
        if not fits or len(text) < len(self.prefix) + len(self.suffix):
            return text
        return text[len(self.prefix) : len(text) - len(self.suffix)]

    def text(self, request: Mapping[str, Any]) -> str:
        """Return the text of a request that is classified."""
        first, *earlier = newest_first(request) or ("",)
        return "\n".join([self.strip(first), *earlier]).strip()


def _shared(texts: Sequence[str]) -> str:
    """Return what all texts begin with, up to its last blank."""
    first, last = min(texts), max(texts)  # what these two share, all between them share
    end = 0
    for i, (one, other) in enumerate(zip(first, last, strict=False)):
        if one != other:
            break
        end = i + 1 if one.isspace() else end
    return first[:end]
