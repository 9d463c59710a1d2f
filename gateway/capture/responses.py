"""The events of a Responses stream folded into the response they spell. Knows no bytes; uses the events up.

The last event holds the whole response. Where it does not come, or leaves the output out, the items are
put together from the events before it.
"""

from __future__ import annotations

from typing import Any

ENDS = ("response.completed", "response.incomplete", "response.failed", "response.cancelled")

_ITEMS = ("response.output_item.added", "response.output_item.done")
_PARTS = {  # where a part belongs in its item, and which member of the event says at which place
    "response.content_part": ("content", "content_index"),
    "response.reasoning_summary_part": ("summary", "summary_index"),
}
_PART_TEXTS = {  # the kind of part that the text is of, and its member there
    "response.output_text": ("response.content_part", "output_text", "text"),
    "response.refusal": ("response.content_part", "refusal", "refusal"),
    "response.reasoning_text": ("response.content_part", "reasoning_text", "text"),
    "response.reasoning_summary_text": ("response.reasoning_summary_part", "summary_text", "text"),
}
_ITEM_TEXTS = {
    "response.function_call_arguments": "arguments",
    "response.mcp_call_arguments": "arguments",
    "response.custom_tool_call_input": "input",
    "response.code_interpreter_call_code": "code",
}
_ANNOTATION = "response.output_text.annotation.added"


def fold(said: list[dict[str, Any]]) -> dict[str, Any] | None:
    """Give the response, or None where no event told of one."""
    told = [event for event in said if isinstance(event.get("response"), dict)]
    last = next((event["response"] for event in reversed(told) if event.get("type") in ENDS), None)
    if last is not None and last.get("output"):
        return dict(last)
    whole = last or (told[-1]["response"] if told else None)
    output = _items(said)
    if whole is None and not output:
        return None
    return {"object": "response", **(whole or {}), "output": output}


def _items(said: list[dict[str, Any]]) -> list[dict[str, Any]]:
    items: dict[int, dict[str, Any]] = {}
    for event in said:
        kind, place = event.get("type"), event.get("output_index")
        if not isinstance(kind, str) or not isinstance(place, int):
            continue
        if kind in _ITEMS:
            if isinstance(event.get("item"), dict):
                items[place] = event["item"]
        elif kind.startswith("response."):
            _add(items.setdefault(place, {}), kind, event)
    return [items[place] for place in sorted(items) if items[place]]


def _add(item: dict[str, Any], kind: str, event: dict[str, Any]) -> None:
    stem, _, ending = kind.rpartition(".")
    if kind == _ANNOTATION:
        part = _part(item, "response.content_part", event)
        _extend(part, "annotations", [event.get("annotation")])
    elif stem in _PARTS:
        if isinstance(event.get("part"), dict):
            _part(item, stem, event).update(event["part"])
    elif stem in _ITEM_TEXTS:
        _text(item, _ITEM_TEXTS[stem], ending, event)
    elif stem in _PART_TEXTS:
        where, type_, member = _PART_TEXTS[stem]
        part = _part(item, where, event)
        part.setdefault("type", type_)
        _text(part, member, ending, event)
        if ending == "delta" and isinstance(event.get("logprobs"), list):
            _extend(part, "logprobs", event["logprobs"])


def _part(item: dict[str, Any], where: str, event: dict[str, Any]) -> dict[str, Any]:
    """Give the part that an event is about; one that was never announced is the next."""
    member, index_member = _PARTS[where]
    parts = item.get(member)
    if not isinstance(parts, list):
        parts = item[member] = []
    index = event.get(index_member)
    if not isinstance(index, int) or not 0 <= index < len(parts):
        parts.append({})
        index = -1
    part = parts[index]
    return part if isinstance(part, dict) else {}


def _text(holder: dict[str, Any], member: str, ending: str, event: dict[str, Any]) -> None:
    """Add a delta to the text, or take all of it from the event that says it is done."""
    before = holder.get(member)
    if ending == "delta" and isinstance(event.get("delta"), str):
        holder[member] = (before if isinstance(before, str) else "") + event["delta"]
    elif ending == "done" and isinstance(event.get(member), str):
        holder[member] = event[member]


def _extend(part: dict[str, Any], member: str, more: list[Any]) -> None:
    before = part.get(member)
    part[member] = [*(before if isinstance(before, list) else ()), *more]
