"""Chat completions and legacy text completions, whole and streamed, as OpenAI sends them."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

from .say import Said, Wish

Object = dict[str, Any]
CREATED = 1_790_000_000
_PIECE = 7  # characters of arguments in a chunk


def wish(asked: Object) -> Wish:
    """Read what matters of a request."""
    messages = [m for m in asked.get("messages", ()) if isinstance(m, dict)] or [{}]
    content = messages[-1].get("content") or ""
    parts = [content] if isinstance(content, str) else content
    images = sum(
        part.get("type") == "image_url"
        for m in messages
        for part in (m.get("content") if isinstance(m.get("content"), list) else ())
    )
    format_ = asked.get("response_format") or {}
    choice = asked.get("tool_choice")
    functions = [tool["function"] for tool in asked.get("tools") or () if "function" in tool]
    schema = (format_.get("json_schema") or {}).get("schema")
    if format_.get("type") == "json_object":
        schema = {"type": "object", "properties": {"answer": {"type": "string"}}}
    return Wish(
        model=asked.get("model", ""),
        last=" ".join(part if isinstance(part, str) else part.get("text", "") for part in parts),
        images=images,
        tools=tuple((f["name"], f.get("parameters") or {}) for f in functions),
        forced=choice["function"]["name"] if isinstance(choice, dict) else "",
        may_call=choice != "none",
        at_once=asked.get("parallel_tool_calls") is not False,
        answered=messages[-1].get("role") == "tool",
        schema=schema,
    )


def completion(asked: Object, said: Said) -> Object:
    """Give the whole answer."""
    message: Object = {"role": "assistant", "content": said.text or None, "refusal": said.refusal or None}
    message["annotations"] = []
    if said.calls:
        message["tool_calls"] = [_call(said, call.number) for call in said.calls]
    choice = {"message": message, "logprobs": _logprobs(asked, said.words), "finish_reason": _reason(said)}
    return {
        **_base(asked, said, "chat.completion"),
        "choices": [{"index": index, **choice} for index in range(asked.get("n") or 1)],
        "usage": _usage(said, asked.get("n") or 1),
        "x_unknown": {"number": 1.50, "null": None},
    }


def chunks(asked: Object, said: Said) -> Iterator[Object]:
    """Give the chunks of a stream, without its end mark."""
    base = {**_base(asked, said, "chat.completion.chunk"), "obfuscation": said.mark[:6]}
    counted = (asked.get("stream_options") or {}).get("include_usage")
    beside = {"usage": None} if counted else {}

    def chunk(index: int, delta: Object, reason: str | None = None, words: list[str] | None = None) -> Object:
        logprobs = _logprobs(asked, words) if words else None
        choice = {"index": index, "delta": delta, "logprobs": logprobs, "finish_reason": reason}
        return {**base, "choices": [choice], **beside}

    field = "refusal" if said.refusal else "content"
    indexes = range(asked.get("n") or 1)
    for index in indexes:
        start = {"role": "assistant", "content": None if said.calls else "", "refusal": None}
        yield chunk(index, start)
    for word in said.words:
        for index in indexes:
            yield chunk(index, {field: word}, words=[word])
    for call in said.calls:
        named = _call(said, call.number)
        named["function"] = {"name": call.name, "arguments": ""}
        yield chunk(0, {"tool_calls": [{"index": call.number, **named}]})
        for at in range(0, len(call.said), _PIECE):
            function = {"arguments": call.said[at : at + _PIECE]}
            yield chunk(0, {"tool_calls": [{"index": call.number, "function": function}]})
    for index in indexes:
        yield chunk(index, {}, _reason(said))
    if counted:
        yield {**base, "choices": [], "usage": _usage(said, len(indexes))}


def text_completion(asked: Object, said: Said) -> Object:
    """Give the answer to a legacy request."""
    choice = {"index": 0, "text": said.text, "logprobs": None, "finish_reason": "stop"}
    return {**_base(asked, said, "text_completion"), "choices": [choice], "usage": _usage(said, 1)}


def text_chunks(asked: Object, said: Said) -> Iterator[Object]:
    """Give the chunks of a legacy stream."""
    for word in [*said.words, ""]:
        choice = {"index": 0, "text": word, "logprobs": None, "finish_reason": None if word else "stop"}
        yield {**_base(asked, said, "text_completion"), "choices": [choice]}


def stream(values: Iterator[Object]) -> Iterator[bytes]:
    """Give the bytes of a stream, end mark included."""
    for value in values:
        yield b"data: " + json.dumps(value, ensure_ascii=False).encode() + b"\n\n"
    yield b"data: [DONE]\n\n"


def _base(asked: Object, said: Said, kind: str) -> Object:
    return {
        "id": f"chatcmpl-{said.mark}",
        "object": kind,
        "created": CREATED,
        "model": f"{asked.get('model')}-2026-01-01",
        "service_tier": "default",
        "system_fingerprint": "fp_mock",
    }


def _call(said: Said, number: int) -> Object:
    call = said.calls[number]
    function = {"name": call.name, "arguments": call.said}
    return {"id": f"call_{number}{said.mark}", "type": "function", "function": function}


def _reason(said: Said) -> str:
    return "tool_calls" if said.calls else "stop"


def _logprobs(asked: Object, words: list[str]) -> Object | None:
    if not asked.get("logprobs"):
        return None
    tokens = [
        {"token": word, "logprob": -0.125, "bytes": list(word.encode()), "top_logprobs": []} for word in words
    ]
    return {"content": tokens, "refusal": None}


def _usage(said: Said, times: int) -> Object:
    told = said.tokens * times
    return {
        "prompt_tokens": said.asked_tokens,
        "completion_tokens": told,
        "total_tokens": said.asked_tokens + told,
        "prompt_tokens_details": {"cached_tokens": 0, "audio_tokens": 0},
        "completion_tokens_details": {"reasoning_tokens": 0, "audio_tokens": 0},
    }
