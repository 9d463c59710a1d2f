"""Rewrites a request for a student. Knows no student, no route and no transport.

The gateway cuts bytes with the same meaning; training, evaluation and serving agree because all of
them mean this function.
"""

from __future__ import annotations

from typing import Any

import msgspec

from store.prompt import head_hash, leading
from store.vocabulary import Program


def read(value: object) -> Program:
    """Return the program of its JSON object. Raises ValueError."""
    known = set(Program.__dataclass_fields__)
    if not isinstance(value, dict) or set(value) - known:
        raise ValueError(f"a program is an object with the fields {', '.join(Program.__dataclass_fields__)}")
    try:
        return msgspec.convert(value, Program)
    except msgspec.ValidationError as error:
        raise ValueError(f"this is no program: {error}") from error


def rewrite(request: dict[str, Any], program: Program) -> dict[str, Any] | None:
    """Return the request as the student sees it (the given one stays as it is).

    None means that this request is not for this student: its head is another than the one that the
    student learnt, or nothing would be left of it.
    """
    if program == Program():
        return dict(request)
    if program.head_hash and head_hash(request) != program.head_hash:
        return None
    messages = request.get("messages")
    heading = leading(messages)
    if not isinstance(messages, list) or not messages[heading:]:
        return None
    head = messages[:heading] if program.head is None else program.head
    return {**request, "messages": [*head, *program.demos, *messages[heading:]]}
