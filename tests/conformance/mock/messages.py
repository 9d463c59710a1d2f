"""Messages, whole and streamed, as Anthropic sends them."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

from .say import Said, Wish

Object = dict[str, Any]
_PIECE = 7


def wish(asked: Object) -> Wish:
    """Read what matters of a request."""
    messages = asked.get("messages") or [{}]
    content = messages[-1].get("content") or ""
    parts = [{"type": "text", "text": content}] if isinstance(content, str) else content
    choice = asked.get("tool_choice") or {}
    return Wish(
        model=asked.get("model", ""),
        last=" ".join(part.get("text", "") for part in parts),
        images=sum(part.get("type") == "image" for part in parts),
        tools=tuple((tool["name"], tool.get("input_schema") or {}) for tool in asked.get("tools") or ()),
        forced=choice.get("name", ""),
        may_call=choice.get("type") != "none",
        at_once=not choice.get("disable_parallel_tool_use"),
        answered=any(part.get("type") == "tool_result" for part in parts),
    )


def message(asked: Object, said: Said) -> Object:
    """Give the whole answer."""
    return {
        "id": f"msg_{said.mark}",
        "type": "message",
        "role": "assistant",
        "model": asked.get("model"),
        "content": _blocks(said),
        "stop_reason": _reason(said),
        "stop_sequence": None,
        "usage": {
            "input_tokens": said.asked_tokens,
            "cache_creation_input_tokens": 0,
            "cache_read_input_tokens": 0,
            "output_tokens": said.tokens,
            "service_tier": "standard",
        },
    }


def stream(asked: Object, said: Said) -> Iterator[bytes]:
    """Give the bytes of a stream."""
    for event in _events(message(asked, said), said):
        data = json.dumps(event, ensure_ascii=False).encode()
        yield b"event: " + event["type"].encode() + b"\ndata: " + data + b"\n\n"


def _reason(said: Said) -> str:
    return "refusal" if said.refusal else "tool_use" if said.calls else "end_turn"


def _blocks(said: Said) -> list[Object]:
    texts = [{"type": "text", "text": said.text or said.refusal}] if said.words else []
    uses = [
        {
            "type": "tool_use",
            "id": f"toolu_{call.number}{said.mark}",
            "name": call.name,
            "input": call.arguments,
        }
        for call in said.calls
    ]
    return [*texts, *uses]


def _events(whole: Object, said: Said) -> Iterator[Object]:
    begun = {**whole, "content": [], "stop_reason": None, "usage": {**whole["usage"], "output_tokens": 1}}
    yield {"type": "message_start", "message": begun}
    yield {"type": "ping"}
    for index, block in enumerate(whole["content"]):
        at = {"index": index}
        empty: Object = {"text": ""} if block["type"] == "text" else {"input": {}}
        yield {"type": "content_block_start", **at, "content_block": {**block, **empty}}
        if block["type"] == "text":
            deltas = [{"type": "text_delta", "text": word} for word in said.words]
        else:
            text = json.dumps(block["input"], ensure_ascii=False)
            cuts = range(0, len(text), _PIECE)
            deltas = [{"type": "input_json_delta", "partial_json": text[c : c + _PIECE]} for c in cuts]
        yield from ({"type": "content_block_delta", **at, "delta": delta} for delta in deltas)
        yield {"type": "content_block_stop", **at}
    ended = {"stop_reason": whole["stop_reason"], "stop_sequence": None}
    yield {"type": "message_delta", "delta": ended, "usage": {"output_tokens": said.tokens}}
    yield {"type": "message_stop"}
