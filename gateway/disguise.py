"""A student's answer in the shape that the app expects. Pure; knows no connection.

The app finds the model that it asked for in `model`, as SDKs check it; who answered stands in the header
`x-stillhouse-route`. Members that only the local server adds are taken out, and those that the provider
always gives are there, with what it says where there is nothing to say: apps read them unasked.
"""

from __future__ import annotations

import re
from typing import Any

from gateway import canonical
from gateway.capture import sse

Object = dict[str, Any]

_OURS = frozenset({"timings", "__verbose", "tokens_evaluated", "tokens_predicted", "generation_settings"})
_DATA = re.compile(rb"(?m)^data: ?(\{.*\})[ \t]*(\r?)$")
_ANSWER: Object = {"service_tier": "default", "system_fingerprint": None}
_COUNTS: Object = {"prompt_tokens": 0, "completion_tokens": 0, "total_tokens": 0}
_DETAILS: Object = {
    "prompt_tokens_details": {"cached_tokens": 0, "audio_tokens": 0},
    "completion_tokens_details": {
        "reasoning_tokens": 0,
        "audio_tokens": 0,
        "accepted_prediction_tokens": 0,
        "rejected_prediction_tokens": 0,
    },
}


def completion(said: Object, model: str) -> Object:
    """Give a whole completion as the provider would."""
    return {
        **_named(said, model),
        "choices": [
            _choice(choice, "message", {"refusal": None, "annotations": []}) for choice in said["choices"]
        ],
        "usage": _usage(said.get("usage")),
    }


def stream(body: bytes, model: str) -> bytes:
    """Give whole event blocks with their completion chunks as the provider would; all else stays as it is."""
    return _DATA.sub(lambda m: b"data: " + _chunk(m.group(1), model) + m.group(2), body)


def silent(body: bytes, *, streamed: bool) -> bytes:
    """Give a whole answer, or its event blocks, without log-probabilities."""
    if not streamed:
        return _silent(body)
    return _DATA.sub(lambda m: b"data: " + _silent(m.group(1)) + m.group(2), body)


def silenced(said: Object) -> Object:
    """Give a completion, or a chunk of one, without log-probabilities."""
    return {**said, "choices": [{**choice, "logprobs": None} for choice in said["choices"]]}


def _silent(data: bytes) -> bytes:
    try:
        value = canonical.loads(data)
    except (ValueError, RecursionError):
        return data
    choices = value.get("choices") if isinstance(value, dict) else None
    if not isinstance(choices, list) or not all(isinstance(choice, dict) for choice in choices):
        return data
    return canonical.written(silenced(value))


def _chunk(data: bytes, model: str) -> bytes:
    try:
        value = canonical.loads(data)
    except (ValueError, RecursionError):
        return data
    if not isinstance(value, dict) or not isinstance(value.get("choices"), list):
        return data
    chunk = {**_named(value, model), "choices": [_choice(choice, "delta", {}) for choice in value["choices"]]}
    return canonical.written({**chunk, "usage": _usage(value["usage"])} if value.get("usage") else chunk)


def _named(said: Object, model: str) -> Object:
    return {**_ANSWER, **{name: told for name, told in said.items() if name not in _OURS}, "model": model}


def _choice(choice: Any, part: str, always: Object) -> Any:
    if not isinstance(choice, dict) or not isinstance(choice.get(part), dict):
        return choice
    begins = {"refusal": None} if part == "delta" and "role" in choice[part] else {}
    return {"logprobs": None, **choice, part: {**begins, **always, **choice[part]}}


def _usage(said: Any) -> Object:
    told = _an_object(said)
    details = {name: {**none, **_an_object(told.get(name))} for name, none in _DETAILS.items()}
    return {**_COUNTS, **told, **details}


def _an_object(value: Any) -> Object:
    return value if isinstance(value, dict) else {}


class Streaming:
    """Rewrites a stream as it comes, block by block."""

    def __init__(self, model: str) -> None:
        self._model = model
        self._rest = b""

    def add(self, piece: bytes) -> bytes:
        """Take a piece; give what is whole by now."""
        blocks, self._rest = sse.split(self._rest + piece)
        return stream(b"".join(blocks), self._model)

    def rest(self) -> bytes:
        """Give what no blank line ended."""
        rest, self._rest = self._rest, b""
        return stream(rest, self._model)
