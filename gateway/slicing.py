"""Which slices a call is of: `dimension:value`, a function of the request and of who sends it. Pure; knows no route.

A dimension of which a request says nothing has the value `none`, so that each call is of one slice of each dimension.
A label is another thing: a function of what the student answers, and nothing where that is no short text.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from gateway import canonical
from gateway.keys import Caller
from gateway.tongue import tongue
from gateway.wire import Asked
from store.vocabulary import LONGEST, METADATA

NONE = "none"
_LENGTHS = ((1_000, "short"), (4_000, "medium"), (16_000, "long"))  # characters, less than
_HUGE = "huge"


def slices(dimensions: tuple[str, ...], asked: Asked, caller: Caller) -> tuple[str, ...]:
    """Give a call's slice of each dimension; one that is not known here is none of the request's."""
    found = []
    for name in dimensions:
        if (of := _OF.get(name)) is not None:
            found.append(f"{name}:{of(asked, caller)}")
        elif name.startswith(METADATA):
            found.append(f"{name}:{_metadata(asked, name.removeprefix(METADATA))}")
    return tuple(found)


def label(completion: Mapping[str, Any]) -> str | None:
    """Give what a chat completion's first choice says where that is short, as all answers of a closed set are."""
    message = completion["choices"][0]["message"]
    said = message.get("content")
    clean = _clean(said) if isinstance(said, str) and not message.get("tool_calls") else ""
    return clean if 0 < len(clean) <= LONGEST else None


def _tools(asked: Asked, _: Caller) -> str:
    """Give the names of the tools that it offers, in order of the alphabet: apps shuffle them."""
    names = sorted(set(_tool_names(asked.request)))
    return _short("+".join(names)) if names else NONE


def _tool_names(request: Mapping[str, Any]) -> Iterator[str]:
    for key in ("tools", "functions"):
        offered = request.get(key)
        for tool in offered if isinstance(offered, list) else ():
            said = tool.get("function", tool) if isinstance(tool, dict) else None
            name = said.get("name") or said.get("type") if isinstance(said, dict) else None
            if isinstance(name, str):
                yield name


def _length(asked: Asked, _: Caller) -> str:
    """Say how long it is without the constant part."""
    count = sum(len(text) for message in _own(asked) for text in _texts(message))
    return next((name for below, name in _LENGTHS if count < below), _HUGE)


def _language(asked: Asked, _: Caller) -> str:
    """Say what language the newest message of the user is in."""
    said = [message for message in _own(asked) if message.get("role") == "user"]
    return tongue(" ".join(_texts(said[-1]))) if said else NONE


def _key(_: Asked, caller: Caller) -> str:
    """Give the name of the client key; of a key that is passed through, the salted hash that the log has."""
    return _short(caller.tenant or caller.key_id) or NONE


def _metadata(asked: Asked, name: str) -> str:
    """Give what an app says of the call itself."""
    value = asked.metadata.get(name)
    if isinstance(value, bool):
        return str(value).lower()
    return _short(str(value)) or NONE if isinstance(value, str | int | float) else NONE


def _own(asked: Asked) -> Iterator[dict[str, Any]]:
    """Give the messages after the head."""
    messages = asked.request.get("messages")
    for message in messages[asked.head_messages :] if isinstance(messages, list) else ():
        if isinstance(message, dict):
            yield message


def _texts(message: dict[str, Any]) -> Iterator[str]:
    content = message.get("content")
    for part in content if isinstance(content, list) else (content,):
        text = part.get("text") if isinstance(part, dict) else part
        if isinstance(text, str):
            yield text


def _short(value: str) -> str:
    """Give a value as it is stored: a long one by its beginning and a hash of it all."""
    clean = _clean(value)
    if len(clean) <= LONGEST:
        return clean
    return f"{clean[:40]}~{hashlib.sha256(clean.encode()).hexdigest()[:16]}"


def _clean(value: str) -> str:
    return _BLANKS.sub(" ", canonical.clean(value)).strip()


_BLANKS = re.compile(r"[\s\x00-\x1f]+")
_OF: dict[str, Callable[[Asked, Caller], str]] = {
    "tools": _tools,
    "length": _length,
    "language": _language,
    "key": _key,
}
