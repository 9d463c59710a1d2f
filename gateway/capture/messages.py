"""The events of an Anthropic message stream folded into the message they spell. Knows no bytes."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from gateway import canonical

ENDS = ("message_stop",)
_STOPS = (
    "stop_reason",
    "stop_sequence",
    "stop_details",
)  # null says something: it takes back what was begun with


@dataclass(slots=True)
class _Block:
    """A content block in the making; texts are joined once, at its end."""

    begun: dict[str, Any] = field(default_factory=dict)
    texts: dict[str, list[str]] = field(default_factory=dict)
    citations: list[Any] = field(default_factory=list)

    def add(self, delta: dict[str, Any]) -> None:
        for name, value in delta.items():
            if name == "citation":
                self.citations.append(value)
            elif isinstance(value, str) and name != "type":
                self.texts.setdefault(name, []).append(value)

    def whole(self) -> dict[str, Any]:
        block = dict(self.begun)
        for name, pieces in self.texts.items():
            before = block.get(name)
            block[name] = (before if isinstance(before, str) else "") + "".join(pieces)
        if self.citations:
            before = block.get("citations")
            block["citations"] = [*(before if isinstance(before, list) else ()), *self.citations]
        return _with_input(block)


def fold(said: list[dict[str, Any]]) -> dict[str, Any] | None:
    """Give the message, or None where no event told of one."""
    message: dict[str, Any] = {}
    blocks: dict[int, _Block] = {}
    for event in said:
        kind, index = event.get("type"), event.get("index")
        if kind == "message_start" and isinstance(event.get("message"), dict):
            message = dict(event["message"])
        elif kind == "message_delta":
            _end(message, event)
        elif kind == "content_block_start" and isinstance(index, int):
            begun = event.get("content_block")
            blocks[index] = _Block(begun if isinstance(begun, dict) else {})
        elif (
            kind == "content_block_delta" and isinstance(index, int) and isinstance(event.get("delta"), dict)
        ):
            blocks.setdefault(index, _Block()).add(event["delta"])
    if not message and not blocks:
        return None
    content = message.get("content")
    before = content if isinstance(content, list) else []
    return {"type": "message", **message, "content": before + [blocks[at].whole() for at in sorted(blocks)]}


def _end(message: dict[str, Any], event: dict[str, Any]) -> None:
    """Take what an event says at last: how it stopped, and the tokens up to here."""
    delta, usage, before = event.get("delta"), event.get("usage"), message.get("usage")
    if isinstance(delta, dict):
        message.update(_said(delta), **{name: delta[name] for name in _STOPS if name in delta})
    if isinstance(usage, dict):
        message["usage"] = {**(before if isinstance(before, dict) else {}), **_said(usage)}


def _said(value: dict[str, Any]) -> dict[str, Any]:
    return {name: said for name, said in value.items() if said is not None}


def _with_input(block: dict[str, Any]) -> dict[str, Any]:
    """Put the streamed input in its place; an input that broke off stays as text, in `partial_json`."""
    spelled = block.pop("partial_json", "")
    if not spelled:
        return block
    try:
        return {**block, "input": canonical.loads(spelled.encode("utf-8", "surrogatepass"))}
    except (ValueError, RecursionError):
        return {**block, "partial_json": spelled}
