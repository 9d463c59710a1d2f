"""A finished message said as a chat completion: one choice. Knows no request."""

from __future__ import annotations

from gateway.translate.errors import Untranslatable
from gateway.translate.fields import Object, an_object, given, number, objects, spelled, text

_FINISH = {
    "end_turn": "stop",
    "stop_sequence": "stop",
    "tool_use": "tool_calls",
    "max_tokens": "length",
    "model_context_window_exceeded": "length",
    "refusal": "content_filter",
}


def completion(answer: Object) -> Object:
    """Give the completion. Raises `Untranslatable`, also for a message that did not finish.

    `created` is 0: a message does not tell.
    """
    stop = answer.get("stop_reason")
    if not isinstance(stop, str) or stop not in _FINISH:
        raise Untranslatable("not_finished")
    chat: Object = {
        **given(answer, ("id",)),
        "object": "chat.completion",
        "created": 0,
        **given(answer, ("model",)),
        "choices": [
            {
                "index": 0,
                "message": _message(objects(answer.get("content"))),
                "logprobs": None,
                "finish_reason": _FINISH[stop],
            }
        ],
    }
    return {**chat, "usage": _usage(answer["usage"])} if isinstance(answer.get("usage"), dict) else chat


def _message(blocks: list[Object]) -> Object:
    texts, thoughts, calls = [], [], []
    for block in blocks:
        kind = block.get("type")
        if kind == "text":
            if block.get("citations"):
                raise Untranslatable("citations")
            texts.append(text(block.get("text")))
        elif kind == "tool_use":
            calls.append(_call(block))
        elif kind == "thinking":
            thoughts.append(text(block.get("thinking")))
        elif kind != "redacted_thinking":
            raise Untranslatable("hosted_tool")
    message: Object = {
        "role": "assistant",
        "content": "".join(texts) if texts or not calls else None,
        "refusal": None,
    }
    if any(thoughts):
        message["reasoning_content"] = "\n\n".join(filter(None, thoughts))
    return {**message, "tool_calls": calls} if calls else message


def _call(block: Object) -> Object:
    """`partial_json` is what a stream that met its token limit left of the input."""
    left = block.get("partial_json")
    arguments = left if isinstance(left, str) else spelled(an_object(block.get("input")))
    function = {"name": text(block.get("name")), "arguments": arguments}
    return {"id": text(block.get("id")), "type": "function", "function": function}


def _usage(usage: Object) -> Object:
    """Chat counts cached tokens as part of the prompt, Anthropic beside it."""
    details = {}
    for theirs, ours in (
        ("cache_read_input_tokens", "cached_tokens"),
        ("cache_creation_input_tokens", "cache_write_tokens"),
    ):
        if usage.get(theirs) is not None:
            details[ours] = number(usage[theirs])
    read, written = number(usage.get("input_tokens")), number(usage.get("output_tokens"))
    read += sum(details.values())
    chat: Object = {"prompt_tokens": read, "completion_tokens": written, "total_tokens": read + written}
    return {**chat, "prompt_tokens_details": details} if details else chat
