"""Responses, whole and streamed, as OpenAI sends them."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

from .chat import CREATED
from .say import Said, Wish

Object = dict[str, Any]
_PIECE = 7


def wish(asked: Object) -> Wish:
    """Read what matters of a request."""
    given = asked.get("input") or ""
    items = [{"role": "user", "content": given}] if isinstance(given, str) else given
    last = items[-1] if items else {}
    content = last.get("content") or last.get("output") or ""
    parts = [content] if isinstance(content, str) else content
    contents = [item.get("content") for item in items]
    images = sum(part.get("type") == "input_image" for c in contents if isinstance(c, list) for part in c)
    format_ = (asked.get("text") or {}).get("format") or {}
    choice = asked.get("tool_choice")
    functions = [tool for tool in asked.get("tools") or () if tool.get("type") == "function"]
    return Wish(
        model=asked.get("model", ""),
        last=" ".join(part if isinstance(part, str) else part.get("text", "") for part in parts),
        images=images,
        tools=tuple((f["name"], f.get("parameters") or {}) for f in functions),
        forced=choice.get("name", "") if isinstance(choice, dict) else "",
        may_call=choice != "none",
        at_once=asked.get("parallel_tool_calls") is not False,
        answered=last.get("type") == "function_call_output",
        schema=format_.get("schema"),
    )


def response(asked: Object, said: Said) -> Object:
    """Give the whole answer."""
    return {
        "id": f"resp_{said.mark}",
        "object": "response",
        "created_at": CREATED,
        "completed_at": CREATED + 1,
        "status": "completed",
        "background": False,
        "error": None,
        "incomplete_details": None,
        "instructions": asked.get("instructions"),
        "max_output_tokens": asked.get("max_output_tokens"),
        "model": f"{asked.get('model')}-2026-01-01",
        "output": list(_items(said)),
        "parallel_tool_calls": asked.get("parallel_tool_calls", True),
        "previous_response_id": asked.get("previous_response_id"),
        "reasoning": {"effort": None, "summary": None},
        "service_tier": "default",
        "store": asked.get("store", True),
        "temperature": asked.get("temperature", 1.0),
        "text": asked.get("text") or {"format": {"type": "text"}},
        "tool_choice": asked.get("tool_choice", "auto"),
        "tools": asked.get("tools", []),
        "top_p": asked.get("top_p", 1.0),
        "truncation": "disabled",
        "usage": {
            "input_tokens": said.asked_tokens,
            "input_tokens_details": {"cached_tokens": 0, "cache_write_tokens": 0},
            "output_tokens": said.tokens,
            "output_tokens_details": {"reasoning_tokens": 0},
            "total_tokens": said.asked_tokens + said.tokens,
        },
        "user": None,
        "metadata": asked.get("metadata") or {},
    }


def stream(asked: Object, said: Said) -> Iterator[bytes]:
    """Give the bytes of a stream."""
    for number, event in enumerate(_events(response(asked, said), said)):
        data = json.dumps({**event, "sequence_number": number}, ensure_ascii=False).encode()
        yield b"event: " + event["type"].encode() + b"\ndata: " + data + b"\n\n"


def _items(said: Said) -> Iterator[Object]:
    if said.words:
        part = {"type": "output_text", "text": said.text, "annotations": [], "logprobs": []}
        if said.refusal:
            part = {"type": "refusal", "refusal": said.refusal}
        turn = {"type": "message", "status": "completed", "role": "assistant", "content": [part]}
        yield {"id": f"msg_{said.mark}", **turn}
    for call in said.calls:
        made = {"call_id": f"call_{call.number}{said.mark}", "name": call.name, "arguments": call.said}
        item = {"id": f"fc_{call.number}{said.mark}", "type": "function_call", "status": "completed"}
        yield {**item, **made}


def _events(whole: Object, said: Said) -> Iterator[Object]:
    begun = {**whole, "status": "in_progress", "output": [], "usage": None, "completed_at": None}
    yield {"type": "response.created", "response": begun}
    yield {"type": "response.in_progress", "response": begun}
    for index, item in enumerate(whole["output"]):
        at = {"output_index": index}
        empty = "arguments" if item["type"] == "function_call" else "content"
        started = {**item, "status": "in_progress", empty: "" if empty == "arguments" else []}
        yield {"type": "response.output_item.added", **at, "item": started}
        told = _arguments(item) if empty == "arguments" else _content(item, said)
        yield from ({**event, **at, "item_id": item["id"]} for event in told)
        yield {"type": "response.output_item.done", **at, "item": item}
    yield {"type": "response.completed", "response": whole}


def _arguments(item: Object) -> Iterator[Object]:
    kind, text = "response.function_call_arguments", item["arguments"]
    for at in range(0, len(text), _PIECE):
        yield {"type": f"{kind}.delta", "delta": text[at : at + _PIECE]}
    yield {"type": f"{kind}.done", "arguments": text, "name": item["name"]}


def _content(item: Object, said: Said) -> Iterator[Object]:
    (part,) = item["content"]
    field = "refusal" if said.refusal else "text"
    kind = "response.refusal" if said.refusal else "response.output_text"
    beside: Object = {} if said.refusal else {"logprobs": []}
    at = {"content_index": 0}
    yield {"type": "response.content_part.added", **at, "part": {**part, field: ""}}
    for word in said.words:
        yield {"type": f"{kind}.delta", **at, "delta": word, **beside}
    yield {"type": f"{kind}.done", **at, field: part[field], **beside}
    yield {"type": "response.content_part.done", **at, "part": part}
