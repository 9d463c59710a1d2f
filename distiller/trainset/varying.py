"""Reads what of a request varies from call to call. Pure: knows no other request."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

from distiller.scoring import message as read

_HEAD = ("system", "developer")


def varying(request: dict[str, Any]) -> str:
    """Return the text of all messages after the head, tool calls and attachments included."""
    return "\n".join(part for message in after_head(request) for part in _said(message) if part)


def after_head(request: dict[str, Any]) -> list[dict[str, Any]]:
    """Return the messages after the leading system and developer messages."""
    messages = [message for message in request.get("messages") or [] if isinstance(message, dict)]
    start = next((i for i, message in enumerate(messages) if message.get("role") not in _HEAD), len(messages))
    return messages[start:]


def _said(message: dict[str, Any]) -> Iterator[str]:
    content = message.get("content")
    yield read.text(message)
    for part in content if isinstance(content, list) else []:
        if isinstance(part, dict) and part.get("type") != "text":
            yield json.dumps(part, sort_keys=True)  # an image or a file is its address or its bytes
    for call in read.tool_calls(message):
        yield f"{call.name} {json.dumps(call.arguments, sort_keys=True)}"
