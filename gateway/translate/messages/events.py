"""The events that stream a message, in the provider's order. Knows no connection.

Source: https://platform.claude.com/docs/en/build-with-claude/streaming
"""

from __future__ import annotations

from collections.abc import Iterator

from gateway.translate.fields import Object, spelled
from gateway.translate.pieces import pieces


def events(answer: Object) -> Iterator[tuple[str, Object]]:
    """Give name and data of each event of a message that `answer` made."""
    for name, data in _untyped(answer):
        yield name, {"type": name, **data}


def _untyped(answer: Object) -> Iterator[tuple[str, Object]]:
    usage = answer["usage"]
    begun = {
        **answer,
        "content": [],
        "stop_reason": None,
        "stop_sequence": None,
        "usage": {**usage, "output_tokens": min(1, usage["output_tokens"])},
    }
    yield "message_start", {"message": begun}
    for index, block in enumerate(answer["content"]):
        yield from _block(index, block)
    ended = {name: answer[name] for name in ("stop_reason", "stop_sequence", "stop_details")}
    counted = {name: count for name, count in usage.items() if name.endswith("_tokens")}
    yield "message_delta", {"delta": ended, "usage": counted}
    yield "message_stop", {}


def _block(index: int, block: Object) -> Iterator[tuple[str, Object]]:
    used = block["type"] == "tool_use"
    empty: Object = {**block, "input": {}} if used else {**block, "text": ""}
    yield "content_block_start", {"index": index, "content_block": empty}
    if index == 0:
        yield "ping", {}
    if used:
        deltas = [
            {"type": "input_json_delta", "partial_json": piece}
            for piece in ("", *pieces(spelled(block["input"])))
        ]
    else:
        deltas = [{"type": "text_delta", "text": piece} for piece in pieces(block["text"])]
    for delta in deltas:
        yield "content_block_delta", {"index": index, "delta": delta}
    yield "content_block_stop", {"index": index}
