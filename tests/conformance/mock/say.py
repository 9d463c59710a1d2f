"""What the mock model says to a request: the same to the same, made of the request alone. Knows no wire format."""

from __future__ import annotations

import hashlib
import json
import re
from dataclasses import dataclass
from typing import Any

_WORDS = re.compile(r"\S+\s*")


@dataclass(frozen=True, kw_only=True)
class ToolCall:
    """One call of a function."""

    number: int
    name: str
    arguments: dict[str, Any]

    @property
    def said(self) -> str:
        """The arguments as a model writes them."""
        return json.dumps(self.arguments, ensure_ascii=False)


@dataclass(frozen=True, kw_only=True)
class Said:
    """One answer."""

    mark: str  # hex, of ids
    text: str = ""
    refusal: str = ""
    calls: tuple[ToolCall, ...] = ()
    asked_tokens: int = 0

    @property
    def words(self) -> list[str]:
        """The text, or the refusal, in the pieces in which it is streamed."""
        return _WORDS.findall(self.text or self.refusal)

    @property
    def tokens(self) -> int:
        """What it is counted as."""
        return len(self.words) + sum(len(call.said) for call in self.calls)


@dataclass(frozen=True, kw_only=True)
class Wish:
    """What matters of a request."""

    model: str
    last: str  # what the user, or a tool, said last
    images: int = 0
    tools: tuple[tuple[str, dict[str, Any]], ...] = ()  # name and schema of arguments
    forced: str = ""  # the one tool that must be called
    may_call: bool = True
    at_once: bool = True  # tools may be called in parallel
    answered: bool = False  # the last turn is a tool's result
    schema: dict[str, Any] | None = None


def say(body: bytes, wish: Wish) -> Said:
    """Answer."""
    mark = hashlib.sha256(body).hexdigest()[:24]
    asked = len(wish.last.split()) + 85 * wish.images
    if "refuse" in wish.model:
        return Said(mark=mark, refusal="I cannot help with that.", asked_tokens=asked)
    tools = [tool for tool in wish.tools if wish.forced in ("", tool[0])]
    if tools and wish.may_call and not wish.answered:
        chosen = tools if wish.at_once else tools[:1]
        calls = tuple(
            ToolCall(number=number, name=name, arguments=sample(schema, schema))
            for number, (name, schema) in enumerate(chosen)
        )
        return Said(mark=mark, calls=calls, asked_tokens=asked)
    if wish.schema is not None:
        text = json.dumps(sample(wish.schema, wish.schema), ensure_ascii=False)
    else:
        seen = f" I see {wish.images} image(s)." if wish.images else ""
        text = f"You said: {wish.last[:60]}{seen} ¡Olé! 🍶 \u2028 <end>"
    return Said(mark=mark, text=text, asked_tokens=asked)


def sample(schema: Any, root: dict[str, Any]) -> Any:
    """Give a value that fits a JSON schema: every property, the first of each choice."""
    if not isinstance(schema, dict):
        return "word"
    if "$ref" in schema:
        found: Any = root
        for part in schema["$ref"].removeprefix("#/").split("/"):
            found = found[part]
        return sample(found, root)
    for fixed in ("const", "default"):
        if schema.get(fixed) is not None:
            return schema[fixed]
    for several in ("enum", "anyOf", "oneOf", "allOf"):
        if several in schema:
            first = schema[several][0]
            return first if several == "enum" else sample(first, root)
    return _of_type(schema, root)


def _of_type(schema: dict[str, Any], root: dict[str, Any]) -> Any:
    kind = schema.get("type")
    kind = kind[0] if isinstance(kind, list) else kind
    if kind == "object" or "properties" in schema:
        return {name: sample(inner, root) for name, inner in schema.get("properties", {}).items()}
    if kind == "array":
        return [sample(schema.get("items", {}), root)]
    plain = {"integer": schema.get("minimum", 7), "number": 1.5, "boolean": True, "null": None}
    return plain.get(kind, "wörd")
