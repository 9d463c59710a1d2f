"""The messages of a Messages request, made of blocks, said as chat messages. Knows no other member of it."""

from __future__ import annotations

from typing import Any

from gateway.translate.errors import Untranslatable
from gateway.translate.fields import Object, an_object, known, objects, simplest, spelled, text

_THOUGHT = ("thinking", "redacted_thinking")
_USE = frozenset({"type", "id", "name", "input", "cache_control", "caller"})
_RESULT = frozenset({"type", "tool_use_id", "content", "is_error", "cache_control"})
_DIRECT = {"type": "direct"}  # called by the model, not by a program of it


def messages(said: Any) -> list[Object]:
    """Give the chat messages. Raises `Untranslatable`."""
    given = objects(said)
    if given and given[-1].get("role") == "assistant":
        raise Untranslatable("prefill")  # chat begins a new message, it does not go on with one
    chat: list[Object] = []
    for message in given:
        known(message, ("role", "content"))
        chat.extend(_said(message.get("role"), message.get("content")))
    return chat


def texts(blocks: list[Object]) -> str | list[Object]:
    """Give chat content of blocks that are all text."""
    return simplest([_text(block) for block in blocks])


def _said(role: Any, content: Any) -> list[Object]:
    if role not in ("user", "assistant", "system"):
        raise Untranslatable("malformed")
    if isinstance(content, str):
        return [{"role": role, "content": content}]
    blocks = objects(content)
    if role == "system":
        return [{"role": "system", "content": texts(blocks)}]
    return _user(blocks) if role == "user" else _assistant(blocks)


def _user(blocks: list[Object]) -> list[Object]:
    results = [block for block in blocks if block.get("type") == "tool_result"]
    rest = blocks[len(results) :]
    if results != blocks[: len(results)]:
        raise Untranslatable("interleaved")
    chat = [_result(block) for block in results]
    if rest or not results:
        chat.append({"role": "user", "content": simplest([_part(block) for block in rest])})
    return chat


def _result(block: Object) -> Object:
    if known(block, _RESULT).get("is_error"):
        raise Untranslatable("tool_error")
    said = block.get("content")
    content = said if isinstance(said, str) else texts(objects(said))
    return {"role": "tool", "tool_call_id": text(block.get("tool_use_id")), "content": content}


def _assistant(blocks: list[Object]) -> list[Object]:
    spoken = [block for block in blocks if block.get("type") not in _THOUGHT]
    uses = [block for block in spoken if block.get("type") == "tool_use"]
    before = spoken[: len(spoken) - len(uses)]
    if uses != spoken[len(before) :]:
        raise Untranslatable("interleaved")
    message: Object = {"role": "assistant", "content": texts(before) if before or not uses else None}
    if uses:
        message["tool_calls"] = [_call(block) for block in uses]
    return [message]


def _call(block: Object) -> Object:
    if known(block, _USE).get("caller") not in (None, _DIRECT):
        raise Untranslatable("hosted_tool")
    function = {"name": text(block.get("name")), "arguments": spelled(an_object(block.get("input")))}
    return {"id": text(block.get("id")), "type": "function", "function": function}


def _text(block: Object) -> Object:
    if block.get("type") != "text":
        raise Untranslatable("content")
    if known(block, ("type", "text", "cache_control", "citations")).get("citations"):
        raise Untranslatable("citations")
    return {"type": "text", "text": text(block.get("text"))}


def _part(block: Object) -> Object:
    if block.get("type") != "image":
        return _text(block)
    source = an_object(known(block, ("type", "source", "cache_control")).get("source"))
    if source.get("type") == "base64":
        url = f"data:{text(source.get('media_type'))};base64,{text(source.get('data'))}"
    elif source.get("type") == "url":
        url = text(source.get("url"))
    else:
        raise Untranslatable("file")
    return {"type": "image_url", "image_url": {"url": url}}
