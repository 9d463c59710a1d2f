"""Rewrites a request for a student. Knows no student, no route and no transport.

The gateway cuts bytes with the same meaning; training, evaluation and serving agree because all of
them mean this function.
"""

from __future__ import annotations

from typing import Any

from store.prompt import head_hash, leading
from store.vocabulary import Program


def rewrite(request: dict[str, Any], program: Program) -> dict[str, Any] | None:
    """Return the request as the student sees it (the given one stays as it is).

    None means that this request is not for this student: its head is another than the one that the
    student learnt, or nothing would be left of it.
    """
    if not program.drop_head:
        return dict(request)
    if head_hash(request) != program.head_hash:
        return None
    messages = request.get("messages")
    if not isinstance(messages, list) or not messages[leading(messages) :]:
        return None
    return {**request, "messages": messages[leading(messages) :]}
