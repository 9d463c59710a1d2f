"""The bytes of answers as OpenAI's API sends them: completions, streams of chunks, errors. Knows no call."""

from __future__ import annotations

import json
import random
import re
import string
from dataclasses import dataclass
from typing import Any

from benchmarks._ledger.tasks import AskedTask, compact
from benchmarks._ledger.words import Prose

JSON, STREAM = "application/json", "text/event-stream; charset=utf-8"
RATE_LIMITED = compact(
    {
        "error": {
            "message": "Rate limit reached for requests",
            "type": "requests",
            "param": None,
            "code": "rate_limit",
        }
    }
)
_LETTERS = string.ascii_letters + string.digits
_PIECES = re.compile(r" ?[^\s]{1,8}| ")  # about what a token is
_CHARACTERS = 4  # of a token
_SYSTEM = "fp_51db84afab"
_DETAILS = {
    "reasoning_tokens": 0,
    "audio_tokens": 0,
    "accepted_prediction_tokens": 0,
    "rejected_prediction_tokens": 0,
}


@dataclass(frozen=True, kw_only=True, slots=True)
class Reply:
    """An answer on its way: what it says, and what its envelope needs."""

    text: str
    tool: str | None  # that it calls, with `text` as arguments
    model: str
    created: int
    asked: int  # characters of the request


def token(rng: random.Random, length: int) -> str:
    """Return random letters and digits, as ids of completions have them."""
    return "".join(rng.choices(_LETTERS, k=length))


def text(task: AskedTask, prose: Prose, size: int) -> str:
    """Return what an answer of this task says: sentences, or the text of a JSON object."""
    if not task.fields:
        return prose.text(size)
    words = max(1, size // len(task.fields) // 6)
    return json.dumps({name: prose.words(words) for name in task.fields})


def whole(reply: Reply, rng: random.Random) -> bytes:
    """Return a completion object."""
    message: dict[str, Any] = {"role": "assistant", "content": reply.text, "refusal": None, "annotations": []}
    if reply.tool:
        called = {"name": reply.tool, "arguments": reply.text}
        made = {"id": f"call_{token(rng, 24)}", "type": "function", "function": called}
        message |= {"content": None, "tool_calls": [made]}
    choice = {
        "index": 0,
        "message": message,
        "logprobs": None,
        "finish_reason": "tool_calls" if reply.tool else "stop",
    }
    said = _envelope(reply, rng, "chat.completion") | {"choices": [choice], "usage": _usage(reply)}
    return compact(said | {"service_tier": "default", "system_fingerprint": _SYSTEM})


def streamed(reply: Reply, rng: random.Random) -> bytes:
    """Return the same as server-sent events, a chunk for each token."""
    envelope = _envelope(reply, rng, "chat.completion.chunk")
    envelope |= {"service_tier": "default", "system_fingerprint": _SYSTEM}
    start = b"data: " + compact(envelope)[:-1] + b',"choices":[{"index":0,"delta":'
    rest = b',"logprobs":null,"finish_reason":null}],"usage":null}\n\n'
    events = [start + b'{"role":"assistant","content":"","refusal":null}' + rest]
    events += [start + b'{"content":%s}' % compact(piece) + rest for piece in _PIECES.findall(reply.text)]
    events.append(start + b'{},"logprobs":null,"finish_reason":"stop"}],"usage":null}\n\n')
    last = envelope | {"choices": [], "usage": _usage(reply)}
    return b"".join((*events, b"data: " + compact(last) + b"\n\n", b"data: [DONE]\n\n"))


def _envelope(reply: Reply, rng: random.Random, kind: str) -> dict[str, Any]:
    model = reply.model if reply.model.startswith("student") else f"{reply.model}-2024-07-18"
    return {"id": f"chatcmpl-{token(rng, 29)}", "object": kind, "created": reply.created, "model": model}


def _usage(reply: Reply) -> dict[str, Any]:
    asked, said = reply.asked // _CHARACTERS, max(1, len(reply.text) // _CHARACTERS)
    cached = asked // 128 * 128 if asked >= 1024 else 0  # as OpenAI caches prompts
    return {
        "prompt_tokens": asked,
        "completion_tokens": said,
        "total_tokens": asked + said,
        "prompt_tokens_details": {"cached_tokens": cached, "audio_tokens": 0},
        "completion_tokens_details": _DETAILS,
    }
