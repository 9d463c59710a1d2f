"""OpenAI's legacy `/v1/completions`: a prompt is a user's one message, the text is the answer's content.

Log probabilities have another form there; who asks for them is not understood.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from gateway.translate import ids
from gateway.translate.errors import Untranslatable
from gateway.translate.fields import Object, an_object, given, known, number, objects, text
from gateway.translate.pieces import pieces

_SAME = (
    "frequency_penalty",
    "logit_bias",
    "metadata",
    "model",
    "n",
    "presence_penalty",
    "seed",
    "stop",
    "stream",
    "stream_options",
    "temperature",
    "top_p",
    "user",
)
_KNOWN = frozenset((*_SAME, "prompt", "max_tokens", "suffix", "echo", "best_of", "logprobs"))
_MOST_TOKENS = 16  # where the app does not say
_FINISH = ("stop", "length", "content_filter")
_DIGITS = 29


def request(body: Object) -> Object:
    """Give the chat request. Raises `Untranslatable`."""
    known(body, _KNOWN)
    for name in ("suffix", "echo"):
        if body.get(name):
            raise Untranslatable(name)
    if body.get("logprobs") is not None:
        raise Untranslatable("logprobs")
    if body.get("best_of") not in (None, 1):
        raise Untranslatable("best_of")
    most = body.get("max_tokens")
    return {
        **given(body, _SAME),
        "messages": [{"role": "user", "content": _prompt(body.get("prompt"))}],
        "max_completion_tokens": _MOST_TOKENS if most is None else most,
    }


def _prompt(prompt: Any) -> str:
    if isinstance(prompt, list) and len(prompt) == 1:
        prompt = prompt[0]
    if isinstance(prompt, str):
        return prompt
    if isinstance(prompt, list) and prompt and all(isinstance(one, str) for one in prompt):
        raise Untranslatable("prompts")
    raise Untranslatable("prompt_tokens" if isinstance(prompt, list | int) else "no_prompt")


def completion(answer: Object) -> Object:
    """Give the chat completion of a text completion. Raises `Untranslatable`."""
    choices = [_chat_choice(choice) for choice in objects(answer.get("choices"))]
    if not choices:
        raise Untranslatable("not_finished")
    return {
        **given(answer, ("id",)),
        "object": "chat.completion",
        **given(answer, ("created", "model", "system_fingerprint")),
        "choices": choices,
        **given(answer, ("usage",)),
    }


def _chat_choice(choice: Object) -> Object:
    if choice.get("finish_reason") not in _FINISH:
        raise Untranslatable("not_finished")
    message = {"role": "assistant", "content": text(choice.get("text")), "refusal": None}
    return {
        "index": number(choice.get("index")),
        "message": message,
        "logprobs": None,
        "finish_reason": choice["finish_reason"],
    }


def answer(completion: Object, asked: Object) -> Object:
    """Give the text completion that answers `asked`. Raises `Untranslatable`."""
    return {
        "id": ids.made("cmpl-", _DIGITS, ids.seed(completion)),
        "object": "text_completion",
        "created": number(completion.get("created")),
        "model": asked.get("model"),
        "choices": [_text_choice(choice) for choice in objects(completion.get("choices"))],
        **given(completion, ("system_fingerprint", "usage")),
    }


def _text_choice(choice: Object) -> Object:
    message = an_object(choice.get("message"))
    for name in ("refusal", "tool_calls", "function_call"):
        if message.get(name):
            raise Untranslatable(name)
    if choice.get("finish_reason") not in _FINISH:
        raise Untranslatable("finish_reason")
    return {
        "text": text(message.get("content") or ""),
        "index": number(choice.get("index")),
        "logprobs": None,
        "finish_reason": choice["finish_reason"],
    }


def events(answer: Object) -> Iterator[tuple[str, Object]]:
    """Give the chunks, which have no names; `[DONE]` is the surface's. Usage goes last, if `answer` has it.

    An app that did not ask for usage in its `stream_options` gets an `answer` without it.
    """
    shared = given(answer, ("id", "object", "created", "model", "system_fingerprint"))
    for choice in answer["choices"]:
        for piece in pieces(choice["text"]):
            yield "", {**shared, "choices": [{**choice, "text": piece, "finish_reason": None}]}
        yield "", {**shared, "choices": [{**choice, "text": ""}]}
    if "usage" in answer:
        yield "", {**shared, "choices": [], "usage": answer["usage"]}
