"""Rows of the proxy's table `LiteLLM_SpendLogs`, as JSON or CSV.

A request is there only where the proxy was told to store prompts; it stands in `proxy_server_request`, in older
versions in `messages`. What it cut short or redacted is no request any more.
"""

from __future__ import annotations

import json

from stillhouse.importing import fields
from stillhouse.importing.found import Found, Object, Unreadable

_SURFACES = {
    "completion": "chat",
    "acompletion": "chat",
    "chat_completion": "chat",
    "text_completion": "completions",
    "atext_completion": "completions",
    "responses": "responses",
    "aresponses": "responses",
    "anthropic_messages": "messages",
}
_OF_PROXY = frozenset(
    {"api_key", "api_base", "secret_fields", "proxy_server_request", "stream", "stream_options"}
)
_SPOILT = {
    "litellm_truncated": "the proxy cut it short",
    "redacted-by-litellm": "the proxy redacted it",
    "REDACTED_BY_LITELM": "the proxy redacted it",
}


def exchanges(value: Object) -> list[Found]:
    """Read one row. Raises Unreadable."""
    kind = fields.text(value.get("call_type")) or "acompletion"
    if kind not in _SURFACES:
        raise Unreadable(f"it is a call of another kind ({kind[:40]})")
    if fields.text(value.get("status")) not in (None, "success"):
        raise Unreadable("the call failed")
    if str(value.get("cache_hit")).lower() == "true":
        raise Unreadable("a cache answered it")
    surface = _SURFACES[kind]
    request = _request(value, surface)
    answer = fields.an_object(value.get("response"))
    if not answer:
        raise Unreadable("the proxy stored no answer")
    for mark, why in _SPOILT.items():
        if mark in json.dumps([request, answer]):
            raise Unreadable(why)
    started, first, ended = (fields.when(value.get(name)) for name in _TIMES)
    return [
        Found(
            request=request,
            answer=answer,
            surface=surface,
            record=fields.text(value.get("request_id")) or "",
            ts=started,
            sent=fields.text(value.get("model")),
            user=fields.text(value.get("end_user")),
            conversation=fields.text(value.get("session_id")),
            duration_ms=_between(started, ended) or 0.0,
            first_byte_ms=_between(started, first) if first != ended else None,
        )
    ]


_TIMES = ("startTime", "completionStartTime", "endTime")


def _request(value: Object, surface: str) -> Object:
    given = fields.an_object(value.get("proxy_server_request"))
    body = fields.an_object(given.get("body")) or given
    asked = {
        k: v for k, v in body.items() if k not in _OF_PROXY and not k.startswith(("litellm_", "user_api_key"))
    }
    if not asked.keys() & {"messages", "input", "prompt"}:
        if surface != "chat" or not fields.a_list(value.get("messages")):
            raise Unreadable("the proxy stored no prompt")
        asked["messages"] = fields.messages(value["messages"])
    public = fields.text(value.get("model_group")) or fields.text(value.get("model"))
    return asked if fields.text(asked.get("model")) or public is None else {**asked, "model": public}


def _between(start: float | None, end: float | None) -> float | None:
    return None if start is None or end is None or end < start else 1000 * (end - start)
