"""OpenAI's stored chat completions: what listing them gives, with the `messages` that each has an endpoint for."""

from __future__ import annotations

from typing import Any

from stillhouse.importing import fields
from stillhouse.importing.found import Found, Object, Unreadable

_ANSWER = ("id", "object", "created", "model", "choices", "usage", "system_fingerprint", "service_tier")


def exchanges(value: Object) -> list[Found]:
    """Read one completion. Raises Unreadable."""
    if fields.surface(value) != "chat":
        raise Unreadable("it is no stored chat completion")
    if "messages" not in value and "input" not in value:
        raise Unreadable("its messages are missing: they are listed by themselves, for each completion")
    messages = [_message(one) for one in _listed(value.get("messages", value.get("input")))]
    request = {**fields.options(value), "messages": messages}
    request.pop("service_tier", None)
    if (user := fields.text(value.get("input_user"))) is not None:
        request["user"] = user
    return [
        Found(
            request=request,
            answer={name: value[name] for name in _ANSWER if value.get(name) is not None},
            record=fields.text(value.get("id")) or "",
            ts=fields.when(value.get("created")),
        )
    ]


def _listed(value: Any) -> list[Object]:
    """Give messages, be they an array or the page that the API gives."""
    page = fields.parsed(value)
    return fields.messages(page.get("data") if isinstance(page, dict) else page)


def _message(stored: Object) -> Object:
    """Give a message as it was sent: without its id, its parts where it was made of them."""
    message = {
        name: part
        for name, part in stored.items()
        if name not in {"id", "content_parts"} and part is not None
    }
    parts = stored.get("content_parts")
    return {**message, "content": parts} if isinstance(parts, list) and parts else message
