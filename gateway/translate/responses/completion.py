"""A finished response said as a chat completion: one choice. Knows no request.

All texts of it join, as in the SDK's `output_text`; cited places move along.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from gateway.translate.errors import Untranslatable
from gateway.translate.fields import Object, an_object, given, number, objects, text

_INCOMPLETE = {"max_output_tokens": "length", "content_filter": "content_filter"}


def completion(answer: Object) -> Object:
    """Give the completion. Raises `Untranslatable`, also for a response that did not finish."""
    message: Object = {"role": "assistant", "content": None, "refusal": None}
    logprobs: list[Any] = []
    for item in objects(answer.get("output")):
        kind = item.get("type")
        if kind == "message":
            _add_message(message, logprobs, item)
        elif kind == "function_call":
            message.setdefault("tool_calls", []).append(_call(item))
        elif kind == "reasoning":
            _add_reasoning(message, item)
        else:
            raise Untranslatable("hosted_tool")
    choice = {
        "index": 0,
        "message": message,
        "logprobs": {"content": logprobs, "refusal": None} if logprobs else None,
        "finish_reason": _finish(answer, called="tool_calls" in message),
    }
    chat = {
        **given(answer, ("id",)),
        "object": "chat.completion",
        "created": int(answer["created_at"]) if isinstance(answer.get("created_at"), int | float) else 0,
        **given(answer, ("model", "service_tier")),
        "choices": [choice],
    }
    return {**chat, "usage": _usage(answer["usage"])} if isinstance(answer.get("usage"), dict) else chat


def _finish(answer: Object, *, called: bool) -> str:
    status = answer.get("status")
    if status == "completed":
        return "tool_calls" if called else "stop"
    reason = an_object(answer.get("incomplete_details")).get("reason")
    if status == "incomplete" and isinstance(reason, str) and reason in _INCOMPLETE:
        return _INCOMPLETE[reason]
    raise Untranslatable("not_finished")


def _add_message(message: Object, logprobs: list[Any], item: Object) -> None:
    for part in objects(item.get("content")):
        if part.get("type") == "refusal":
            message["refusal"] = (message["refusal"] or "") + text(part.get("refusal"))
        elif part.get("type") == "output_text":
            before = message["content"] or ""
            for cited in objects(part.get("annotations")):
                message.setdefault("annotations", []).append(_cited(cited, len(before)))
            message["content"] = before + text(part.get("text"))
            logprobs.extend(objects(part.get("logprobs")))
        else:
            raise Untranslatable("content")


def _cited(annotation: Object, offset: int) -> Object:
    if annotation.get("type") != "url_citation":
        raise Untranslatable("citations")
    cited = {name: said for name, said in annotation.items() if name != "type"}
    for end in ("start_index", "end_index"):
        if end in cited:
            cited[end] = number(cited[end]) + offset
    return {"type": "url_citation", "url_citation": cited}


def _call(item: Object) -> Object:
    function = {"name": text(item.get("name")), "arguments": text(item.get("arguments"))}
    return {"id": text(item.get("call_id")), "type": "function", "function": function}


def _add_reasoning(message: Object, item: Object) -> None:
    """Keep what can be read of it: the reasoning itself, else its summary; never the encrypted form."""
    told = _texts(item.get("content")) or _texts(item.get("summary"))
    if told:
        message["reasoning_content"] = "\n\n".join(filter(None, (message.get("reasoning_content"), *told)))


def _texts(parts: Any) -> Iterable[str]:
    return [text(part.get("text")) for part in objects(parts) if part.get("text")]


def _usage(usage: Object) -> Object:
    read, written = number(usage.get("input_tokens")), number(usage.get("output_tokens"))
    chat: Object = {"prompt_tokens": read, "completion_tokens": written, "total_tokens": read + written}
    if isinstance(usage.get("input_tokens_details"), dict):
        chat["prompt_tokens_details"] = dict(usage["input_tokens_details"])
    if isinstance(usage.get("output_tokens_details"), dict):
        chat["completion_tokens_details"] = dict(usage["output_tokens_details"])
    return chat
