"""Members read from JSON that may have any shape. A member that is null is absent.

Raises `Untranslatable` instead of TypeError: what is not understood is the teacher's.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Any

from gateway.translate.errors import Untranslatable

Object = dict[str, Any]


def known(value: Object, names: Iterable[str]) -> Object:
    """Give `value` back; a member beyond `names` that says something is Untranslatable."""
    if any(said is not None for name, said in value.items() if name not in names):
        raise Untranslatable("unknown_field")
    return value


def objects(value: Any) -> list[Object]:
    """Give a list of objects; null is an empty one."""
    if value is None:
        return []
    if not isinstance(value, list) or not all(isinstance(one, dict) for one in value):
        raise Untranslatable("malformed")
    return value


def an_object(value: Any) -> Object:
    """Give an object; null is an empty one."""
    if value is None:
        return {}
    if not isinstance(value, dict):
        raise Untranslatable("malformed")
    return value


def text(value: Any) -> str:
    """Give a string."""
    if not isinstance(value, str):
        raise Untranslatable("malformed")
    return value


def number(value: Any) -> int:
    """Give a count; whatever is none counts nothing."""
    return value if isinstance(value, int) and not isinstance(value, bool) and value > 0 else 0


def given(value: Object, names: Iterable[str]) -> Object:
    """Give the members of `value` among `names` that say something."""
    return {name: value[name] for name in names if value.get(name) is not None}


def spelled(value: Any) -> str:
    """Write JSON as models spell arguments: no whitespace, members in their order."""
    try:
        return json.dumps(value, ensure_ascii=False, allow_nan=False, separators=(",", ":"))
    except (ValueError, RecursionError):  # a number too long or nesting too deep to write, though it was read
        raise Untranslatable("arguments") from None


def parsed(arguments: str) -> Object:
    """Read a tool call's arguments; anything but a JSON object is Untranslatable. "" is an empty one."""
    try:
        value = json.loads(arguments or "{}")
    except (ValueError, RecursionError):
        raise Untranslatable("arguments") from None
    if not isinstance(value, dict):
        raise Untranslatable("arguments")
    return value


def simplest(parts: list[Object]) -> str | list[Object]:
    """Give chat content: the string itself where the parts are one text or none."""
    if not parts:
        return ""
    if len(parts) == 1 and parts[0]["type"] == "text":
        return str(parts[0]["text"])
    return parts


def only_choice(completion: Object) -> Object:
    """Give the one choice of a chat completion; a surface without `n` cannot say more."""
    choices = objects(completion.get("choices"))
    if len(choices) != 1:
        raise Untranslatable("n")
    return choices[0]
