"""Why a student may not answer a request, if so. Pure; knows no share, no bucket and no key.

Whatever this does not know for sure goes to the teacher.
"""

from __future__ import annotations

from typing import Any

from store import room
from store.vocabulary import Capabilities, Program

_STATEFUL = ("previous_response_id", "conversation")
_TOOLS = ("tools", "functions", "tool_choice", "function_call", "web_search_options")
_STUDENT_PARTS = frozenset({"text", "refusal"})
_PLAIN = Program()


def misfit(
    request: dict[str, Any], can: Capabilities, program: Program = _PLAIN, *, heading: int = 0
) -> str | None:
    """Give one word for what the student cannot do, or None. `heading`: messages of the request's head."""
    messages = request.get("messages")
    if not isinstance(messages, list) or not messages[heading if program != _PLAIN else 0 :]:
        return "no_messages"
    if any(not isinstance(message, dict) for message in messages):
        return "malformed"
    seen = messages if program.head is None else messages[heading:]
    added = (*(program.head or ()), *program.demos)
    return (
        _state(request, can)
        or _options(request, can)
        or _tools(request, seen, can)
        or _parts(seen, can)
        or _format(request, can)
        or (None if can.multi_turn or not _turns(seen) else "multi_turn")
        or (None if room.prompt([*added, *seen]) + room.answer(request) <= can.context else "context")
    )


def _state(request: dict[str, Any], can: Capabilities) -> str | None:
    if request.get("store") is True and not can.stored:
        return "store"
    return "stateful" if any(request.get(key) for key in _STATEFUL) else None


def _options(request: dict[str, Any], can: Capabilities) -> str | None:
    n = request.get("n")
    if n is not None and not (isinstance(n, int) and 1 <= n <= can.n):
        return "n"
    if (request.get("logprobs") or request.get("top_logprobs")) and not can.logprobs:
        return "logprobs"
    if request.get("logit_bias"):
        return "logit_bias"  # its keys are the teacher's token ids
    if request.get("audio") or request.get("modalities") not in (None, ["text"]):
        return "modalities"
    return None


def _tools(request: dict[str, Any], seen: list[dict[str, Any]], can: Capabilities) -> str | None:
    if can.tools:
        return None
    if any(request.get(key) not in (None, [], "none") for key in _TOOLS):
        return "tools"
    used = any(m.get("role") in ("tool", "function") or m.get("tool_calls") for m in seen)
    return "tools" if used else None


def _parts(seen: list[dict[str, Any]], can: Capabilities) -> str | None:
    for message in seen:
        content = message.get("content")
        for part in content if isinstance(content, list) else ():
            kind = part.get("type") if isinstance(part, dict) else None
            if kind == "image_url" and can.images:
                continue
            if not isinstance(kind, str) or kind not in _STUDENT_PARTS:
                return "images" if kind == "image_url" else "content"
    return None


def _format(request: dict[str, Any], can: Capabilities) -> str | None:
    wanted = request.get("response_format")
    kind = wanted.get("type") if isinstance(wanted, dict) else None
    if wanted is None or kind == "text":
        return None
    if kind == "json_object" and can.json_object:
        return None
    if kind == "json_schema" and can.json_schema:
        return None
    return str(kind) if kind in ("json_object", "json_schema") else "response_format"


def _turns(seen: list[dict[str, Any]]) -> bool:
    return any(message.get("role") == "assistant" for message in seen)
