"""A classifier's decision as OpenAI chat completions, whole or in chunks; and the errors. Pure; knows no socket.

The whole answer counts as one token whose log-probability is that of the answer: so is its confidence told.
"""

from __future__ import annotations

import json
import math
import secrets
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from distiller.classifier.model import Classifier, Decision

MOST_TOP = 20


class RefusedError(Exception):
    """A request that this student cannot answer: one sentence, and the parameter that it is about."""

    def __init__(self, message: str, param: str | None = None, status: int = 400) -> None:
        super().__init__(message)
        self.param = param
        self.status = status

    def body(self) -> dict[str, Any]:
        """As OpenAI says it."""
        kind = "invalid_request_error"
        return {"error": {"message": str(self), "type": kind, "param": self.param, "code": None}}


def check(request: Any) -> dict[str, Any]:
    """Return a request that can be answered. Raises RefusedError."""
    messages = request.get("messages") if isinstance(request, dict) else None
    if not isinstance(messages, list) or not messages or not all(isinstance(m, dict) for m in messages):
        raise RefusedError("messages must be a list of at least one message", "messages")
    n, top = request.get("n"), request.get("top_logprobs")
    if n not in (None, 1):
        raise RefusedError("this student gives one answer: n must be 1", "n")
    if top is not None and not (isinstance(top, int) and 0 <= top <= MOST_TOP):
        raise RefusedError(f"top_logprobs must be between 0 and {MOST_TOP}", "top_logprobs")
    if request.get("modalities") not in (None, ["text"]) or request.get("audio"):
        raise RefusedError("this student writes text only", "modalities")
    if any(_shown(message) for message in messages):
        raise RefusedError("this student reads text only", "messages")
    return dict(request)


def _shown(message: Mapping[str, Any]) -> bool:
    content = message.get("content")
    parts = content if isinstance(content, list) else ()
    return any(isinstance(p, dict) and p.get("type") not in ("text", "refusal") for p in parts)


@dataclass(frozen=True, kw_only=True, slots=True)
class Reply:
    """One answer on its way out."""

    model: str
    created: int  # Unix seconds
    message: dict[str, Any]
    logprobs: dict[str, Any] | None
    usage: dict[str, int]
    ident: str

    @property
    def _finish(self) -> str:
        return next((key for key in ("tool_calls", "function_call") if self.message.get(key)), "stop")

    def whole(self) -> dict[str, Any]:
        """As one completion object."""
        choice = {
            "index": 0,
            "message": {**self.message, "refusal": None},
            "logprobs": self.logprobs,
            "finish_reason": self._finish,
        }
        return {**self._frame("chat.completion"), "choices": [choice], "usage": self.usage}

    def chunks(self, *, with_usage: bool) -> Iterator[dict[str, Any]]:
        """As chunk objects: the role, the answer, the end, and the usage where it was asked for."""
        calls = [{"index": i, **call} for i, call in enumerate(self.message.get("tool_calls") or ())]
        said = {**self.message, **({"tool_calls": calls} if calls else {})}
        said.pop("role")
        yield self._chunk({"role": "assistant", "content": "" if said["content"] is not None else None})
        yield self._chunk({key: value for key, value in said.items() if value is not None}, self.logprobs)
        yield self._chunk({}, finish=self._finish)
        if with_usage:
            yield {**self._frame("chat.completion.chunk"), "choices": [], "usage": self.usage}

    def _chunk(
        self, delta: dict[str, Any], logprobs: dict[str, Any] | None = None, finish: str | None = None
    ) -> dict[str, Any]:
        choice = {"index": 0, "delta": delta, "logprobs": logprobs, "finish_reason": finish}
        return {**self._frame("chat.completion.chunk"), "choices": [choice]}

    def _frame(self, kind: str) -> dict[str, Any]:
        return {"id": self.ident, "object": kind, "created": self.created, "model": self.model}


def reply(
    made: Classifier, request: Mapping[str, Any], decision: Decision, *, model: str, now: float
) -> Reply:
    """Return the likeliest answer, with fresh ids."""
    message = dict(made.answers[decision.best])
    if calls := message.get("tool_calls"):
        message["tool_calls"] = [{"id": f"call_{secrets.token_hex(12)}", **call} for call in calls]
    asked, given = made.encoder.count(decision.text), made.encoder.count(spelling(message))
    return Reply(
        model=model,
        created=int(now),
        message=message,
        logprobs=_logprobs(made, decision, request.get("top_logprobs") or 0)
        if request.get("logprobs")
        else None,
        usage={"prompt_tokens": asked, "completion_tokens": given, "total_tokens": asked + given},
        ident=f"chatcmpl-{secrets.token_hex(12)}",
    )


def spelling(message: Mapping[str, Any]) -> str:
    """Return an answer as one text: its content, else its calls as JSON."""
    if message.get("content"):
        return str(message["content"])
    calls = [call["function"] for call in message.get("tool_calls") or ()] or message.get("function_call")
    return json.dumps(calls, ensure_ascii=False) if calls else ""


def _logprobs(made: Classifier, decision: Decision, top: int) -> dict[str, Any]:
    order = np.argsort(-decision.log_probs, kind="stable")
    entries = [
        _entry(spelling(made.answers[int(i)]), float(decision.log_probs[i])) for i in order[: max(1, top)]
    ]
    return {"content": [{**entries[0], "top_logprobs": entries[:top]}], "refusal": None}


def _entry(token: str, logprob: float) -> dict[str, Any]:
    told = logprob if math.isfinite(logprob) else -9999.0  # OpenAI's own floor
    return {"token": token, "logprob": told, "bytes": list(token.encode())}
