"""The items of a Responses input said as chat messages. Knows no other member of a request."""

from __future__ import annotations

from typing import Any

from gateway.translate.errors import Untranslatable
from gateway.translate.fields import Object, given, known, objects, simplest, text

_ROLES = ("user", "system", "developer")
_MESSAGE = frozenset({"type", "role", "content", "id", "status", "phase"})
_CALL = frozenset({"type", "id", "call_id", "name", "arguments", "status", "caller"})
_OUTPUT = frozenset({"type", "id", "call_id", "name", "output", "status", "caller"})
_DIRECT = {"type": "direct"}  # called by the model, not by a program of it


def messages(said: Any) -> list[Object]:
    """Give the messages of `input`. Raises `Untranslatable`."""
    if isinstance(said, str):
        return [{"role": "user", "content": said}]
    chat: list[Object] = []
    for item in objects(said):
        kind = item.get("type") or "message"
        if kind == "message":
            _add(chat, _message(item))
        elif kind == "function_call":
            _add_call(chat, item)
        elif kind == "function_call_output":
            chat.append(_tool_output(item))
        elif kind != "reasoning":
            raise Untranslatable("stateful" if kind == "item_reference" else "hosted_tool")
    return chat


def _add(chat: list[Object], message: Object) -> None:
    # Chat's calls come after its text; a text that came after a call has no place.
    if message["role"] == "assistant" and chat and "tool_calls" in chat[-1]:
        raise Untranslatable("interleaved")
    chat.append(message)


def _add_call(chat: list[Object], item: Object) -> None:
    _direct(known(item, _CALL))
    function = {"name": text(item.get("name")), "arguments": text(item.get("arguments"))}
    call = {"id": text(item.get("call_id")), "type": "function", "function": function}
    if not chat or chat[-1]["role"] != "assistant":
        chat.append({"role": "assistant", "content": None})
    chat[-1].setdefault("tool_calls", []).append(call)


def _tool_output(item: Object) -> Object:
    _direct(known(item, _OUTPUT))
    said = item.get("output")
    parts = (
        simplest([_text(part, "input_text") for part in objects(said)]) if isinstance(said, list) else said
    )
    content = parts if isinstance(parts, list) else text(parts)
    return {"role": "tool", "tool_call_id": text(item.get("call_id")), "content": content}


def _direct(item: Object) -> None:
    if item.get("caller") not in (None, _DIRECT):
        raise Untranslatable("hosted_tool")


def _message(item: Object) -> Object:
    known(item, _MESSAGE)
    role, said = item.get("role"), item.get("content")
    if role == "assistant":
        return _assistant(said)
    if role not in _ROLES:
        raise Untranslatable("malformed")
    if isinstance(said, str):
        return {"role": role, "content": said}
    return {"role": role, "content": simplest([_part(part) for part in objects(said)])}


def _assistant(said: Any) -> Object:
    if isinstance(said, str):
        return {"role": "assistant", "content": said}
    parts = objects(said)
    refusals = [text(part.get("refusal")) for part in parts if part.get("type") == "refusal"]
    texts = [_text(part, "output_text") for part in parts if part.get("type") != "refusal"]
    message: Object = {"role": "assistant", "content": simplest(texts) if texts or not refusals else None}
    if refusals:
        message["refusal"] = "".join(refusals)
    return message


def _text(part: Object, *kinds: str) -> Object:
    """Give a text without what was cited in it and how likely its tokens were: no chat message says it."""
    if part.get("type") not in kinds:
        raise Untranslatable("content")
    return {"type": "text", "text": text(part.get("text"))}


def _part(part: Object) -> Object:
    kind = part.get("type")
    if kind == "input_image" and not part.get("file_id"):
        image = {"url": text(part.get("image_url")), **given(part, ("detail",))}
        return {"type": "image_url", "image_url": image}
    if kind == "input_file" and not part.get("file_id") and not part.get("file_url"):
        file = {"file_data": text(part.get("file_data")), **given(part, ("filename",))}
        return {"type": "file", "file": file}
    if kind in ("input_image", "input_file"):
        raise Untranslatable("file")
    return _text(part, "input_text")
