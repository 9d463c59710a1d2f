"""A student's chat completion said as a response, with what a response repeats of its request."""

from __future__ import annotations

from typing import Any

from gateway.translate import ids
from gateway.translate.errors import Untranslatable
from gateway.translate.fields import Object, an_object, given, number, objects, only_choice, text

_DIGITS = 48
_STATUS = {
    "stop": ("completed", None),
    "tool_calls": ("completed", None),
    "length": ("incomplete", {"reason": "max_output_tokens"}),
    "content_filter": ("incomplete", {"reason": "content_filter"}),
}
_REPEATED: Object = {  # member: what the provider says where the app said nothing
    "background": False,
    "frequency_penalty": 0.0,
    "instructions": None,
    "max_output_tokens": None,
    "max_tool_calls": None,
    "metadata": {},
    "moderation": None,
    "parallel_tool_calls": True,
    "presence_penalty": 0.0,
    "previous_response_id": None,
    "prompt_cache_key": None,
    "prompt_cache_retention": None,
    "safety_identifier": None,
    "store": True,
    "temperature": 1.0,
    "tool_choice": "auto",
    "top_logprobs": 0,
    "top_p": 1.0,
    "truncation": "disabled",
    "user": None,
}


def answer(completion: Object, asked: Object) -> Object:
    """Give the response to the request `asked`. Raises `Untranslatable`."""
    choice = only_choice(completion)
    finish = choice.get("finish_reason")
    if not isinstance(finish, str) or finish not in _STATUS:
        raise Untranslatable("finish_reason")
    status, incomplete = _STATUS[finish]
    seed = ids.seed(completion)
    created = number(completion.get("created"))
    return {
        "id": ids.made("resp_", _DIGITS, seed),
        "object": "response",
        "created_at": created,
        "status": status,
        "completed_at": created if status == "completed" else None,
        "error": None,
        "incomplete_details": incomplete,
        "model": asked.get("model"),
        "output": _output(choice, seed, status),
        "service_tier": "default",
        **_repeated(asked),
        "usage": _usage(an_object(completion.get("usage"))),
    }


def _output(choice: Object, seed: str, status: str) -> list[Object]:
    message = an_object(choice.get("message"))
    calls = objects(message.get("tool_calls"))
    parts = _parts(choice, message)
    output = []
    if parts or not calls:
        own = ids.made("msg_", _DIGITS, seed)
        said = {"id": own, "type": "message", "status": status, "role": "assistant", "content": parts}
        output.append(said)
    return output + [_call(call, seed, at, status) for at, call in enumerate(calls)]


def _parts(choice: Object, message: Object) -> list[Object]:
    parts: list[Object] = []
    content, refusal = message.get("content"), message.get("refusal")
    if content or not (refusal or message.get("tool_calls")):
        logprobs = objects(an_object(choice.get("logprobs")).get("content"))
        parts.append(
            {
                "type": "output_text",
                "annotations": [_cited(one) for one in objects(message.get("annotations"))],
                "logprobs": [_logprob(entry) for entry in logprobs],
                "text": text(content or ""),
            }
        )
    if refusal:
        parts.append({"type": "refusal", "refusal": text(refusal)})
    return parts


def _cited(annotation: Object) -> Object:
    return {"type": "url_citation", **an_object(annotation.get("url_citation"))}


def _logprob(entry: Object) -> Object:
    others = objects(entry.get("top_logprobs"))
    return {**_bytes(entry), "top_logprobs": [_bytes(other) for other in others]}


def _bytes(entry: Object) -> Object:
    """Local servers may leave a token's bytes out; here they are always told."""
    bytes_ = entry.get("bytes")
    told = bytes_ if bytes_ is not None else list(text(entry.get("token")).encode("utf-8", "replace"))
    return {**entry, "bytes": told}


def _call(call: Object, seed: str, at: int, status: str) -> Object:
    function = an_object(call.get("function"))
    return {
        "id": ids.made("fc_", _DIGITS, seed, at),
        "type": "function_call",
        "status": status,
        "arguments": text(function.get("arguments")),
        "call_id": ids.call_id("call_", call, seed, at),
        "name": text(function.get("name")),
    }


def _repeated(asked: Object) -> Object:
    said = {name: default if asked.get(name) is None else asked[name] for name, default in _REPEATED.items()}
    wanted, thought = an_object(asked.get("text")), an_object(asked.get("reasoning"))
    return {
        **said,
        "reasoning": {"effort": None, "summary": None, **given(thought, thought)},
        "text": {"format": {"type": "text"}, "verbosity": "medium", **given(wanted, wanted)},
        "tools": [_tool(tool) for tool in objects(asked.get("tools"))],
    }


def _tool(tool: Object) -> Object:
    filled: dict[str, Any] = {"description": None, "parameters": None, **tool}
    return {**filled, "strict": tool.get("strict") is not False}


def _usage(usage: Object) -> Object:
    """Give every count that SDKs require: one that the student's server did not tell is 0."""
    read, written = number(usage.get("prompt_tokens")), number(usage.get("completion_tokens"))
    cached = an_object(usage.get("prompt_tokens_details"))
    thought = an_object(usage.get("completion_tokens_details"))
    return {
        "input_tokens": read,
        "input_tokens_details": {
            "cached_tokens": number(cached.get("cached_tokens")),
            "cache_write_tokens": number(cached.get("cache_write_tokens")),
        },
        "output_tokens": written,
        "output_tokens_details": {"reasoning_tokens": number(thought.get("reasoning_tokens"))},
        "total_tokens": read + written,
    }
