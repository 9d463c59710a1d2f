"""Lines of chats: the format of fine-tuning (`messages`), of preferences, and plain pairs of request and response.

The last message of a fine-tuning line is the answer, unless its weight is 0.
"""

from __future__ import annotations

from typing import Any

from stillhouse.importing import fields
from stillhouse.importing.found import Found, Object, Unreadable


def exchanges(value: Object) -> list[Found]:
    """Read one line. Raises Unreadable."""
    if "request" in value and "response" in value:
        return [_pair(value)]
    if "preferred_output" in value:
        given = fields.an_object(value.get("input"))
        return [_chat(given | value, [*_said(given.get("messages")), *_said(value["preferred_output"])])]
    if "messages" in value:
        return [_chat(value, _said(value["messages"]))]
    raise Unreadable("it is neither messages nor a request with its response")


def _said(value: Any) -> list[Object]:
    return fields.messages(value)


def _chat(value: Object, messages: list[Object]) -> Found:
    *asked, last = messages
    if last["role"] != "assistant" or not asked:
        raise Unreadable("the last message is not an assistant's answer to another")
    if last.get("weight") == 0:
        raise Unreadable("the answer's weight is 0")
    plain = [{name: part for name, part in one.items() if name != "weight"} for one in messages]
    model = fields.text(value.get("model"))
    record = _id(value)
    return Found(
        request={**fields.options(value), "messages": plain[:-1]},
        answer=fields.completion(plain[-1], model=model, id=record or None),
        record=record,
        ts=_ts(value),
    )


def _pair(value: Object) -> Found:
    """Read a pair; either half may stand in a `body`, as batches have it."""
    request, answer = (fields.an_object(value[name]) for name in ("request", "response"))
    request = fields.an_object(request.get("body")) or request
    status = answer.get("status_code")
    answer = fields.an_object(answer.get("body")) or answer
    surface = fields.surface(answer)
    if surface is None or status not in (None, 200):
        raise Unreadable("its response is no answer")
    return Found(
        request={name: part for name, part in request.items() if name != "stream"},
        answer=answer,
        surface=surface,
        record=_id(value) or fields.text(answer.get("id")) or "",
        ts=_ts(value) or fields.when(answer.get("created") or answer.get("created_at")),
    )


def _id(value: Object) -> str:
    return fields.text(value.get("id")) or fields.text(value.get("custom_id")) or ""


def _ts(value: Object) -> float | None:
    times = (fields.when(value.get(name)) for name in ("ts", "timestamp", "created", "created_at"))
    return next((ts for ts in times if ts is not None), None)
