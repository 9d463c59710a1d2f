"""A student's chat completion said as a message."""

from __future__ import annotations

from gateway.translate import ids
from gateway.translate.errors import Untranslatable
from gateway.translate.fields import Object, an_object, number, objects, only_choice, parsed, text

_DIGITS = 22
_STOP = {
    "stop": "end_turn",
    "tool_calls": "tool_use",
    "length": "max_tokens",
    "content_filter": "refusal",
}


def answer(completion: Object, asked: Object) -> Object:
    """Give the message that answers `asked`. Raises `Untranslatable`, also for arguments that are no JSON.

    Which stop sequence was met chat does not tell: such an answer reads as an ended turn.
    """
    choice = only_choice(completion)
    message = an_object(choice.get("message"))
    finish = choice.get("finish_reason")
    if not isinstance(finish, str) or finish not in _STOP:
        raise Untranslatable("finish_reason")
    seed = ids.seed(completion)
    called = finish == "stop" and bool(message.get("tool_calls"))  # chat says so where a call was forced
    stop = "tool_use" if called else "refusal" if message.get("refusal") else _STOP[finish]
    return {
        "model": asked.get("model"),
        "id": ids.made("msg_01", _DIGITS, seed),
        "type": "message",
        "role": "assistant",
        "content": _blocks(message, seed),
        "stop_reason": stop,
        "stop_sequence": None,
        "stop_details": None,
        "usage": _usage(an_object(completion.get("usage"))),
    }


def _blocks(message: Object, seed: str) -> list[Object]:
    said = [text(message[name]) for name in ("content", "refusal") if message.get(name)]
    texts = [{"type": "text", "text": one} for one in said]
    return texts + [_use(call, seed, at) for at, call in enumerate(objects(message.get("tool_calls")))]


def _use(call: Object, seed: str, at: int) -> Object:
    function = an_object(call.get("function"))
    return {
        "type": "tool_use",
        "id": ids.call_id("toolu_", call, seed, at),
        "name": text(function.get("name")),
        "input": parsed(text(function.get("arguments"))),
    }


def _usage(usage: Object) -> Object:
    """Give every count that SDKs require: one that the student's server did not tell is 0."""
    details = an_object(usage.get("prompt_tokens_details"))
    cached, kept = number(details.get("cached_tokens")), number(details.get("cache_write_tokens"))
    return {
        "input_tokens": max(0, number(usage.get("prompt_tokens")) - cached - kept),
        "cache_creation_input_tokens": kept,
        "cache_read_input_tokens": cached,
        "cache_creation": {"ephemeral_5m_input_tokens": kept, "ephemeral_1h_input_tokens": 0},
        "output_tokens": number(usage.get("completion_tokens")),
        "service_tier": "standard",
    }
