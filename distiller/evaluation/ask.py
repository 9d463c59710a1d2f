"""Asks a student's real endpoint, a few calls at once. Knows no metric and no trainset."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import httpx

from distiller.scoring import message as read
from distiller.scoring.about import about
from store.confidence import Told, told

_COMPLETE = ("stop", "tool_calls", "function_call", None)
# A server that was killed comes back within seconds: its absence says nothing about the student.
_AGAIN_S = (0.2, 0.5, 1.0, 2.0, 4.0, 8.0)
_DROPPED = ("stream", "stream_options", "store", "metadata")


@dataclass(frozen=True, kw_only=True, slots=True)
class Reply:
    """One answer: the assistant message, or why there is none that counts."""

    message: dict[str, Any] | None
    error: str | None = None
    said: Told | None = None  # the log-probabilities that it was said with
    ms: float = 0.0  # of the server; what it waited for a free place here is not counted


def greedy(body: dict[str, Any]) -> dict[str, Any]:
    """Return a request's body as the trainer answers it: the likeliest token each time."""
    return {**body, "temperature": 0}


def body(request: dict[str, Any], model: str, *, sure: bool = False) -> dict[str, Any]:
    """Return a rewritten request as it is sent to the student: whole, not streamed; `sure`: with log-probabilities."""
    asked = {**request, "model": model, **({"logprobs": True} if sure else {})}
    return {key: value for key, value in asked.items() if key not in _DROPPED}


class Endpoint:
    """One student server. Equal bodies are asked once."""

    def __init__(
        self, client: httpx.AsyncClient, base_url: str, *, concurrency: int, timeout_s: float
    ) -> None:
        self._client = client
        self._url = base_url.rstrip("/") + "/chat/completions"
        self._free = asyncio.Semaphore(concurrency)
        self._timeout_s = timeout_s
        self._asked: dict[str, asyncio.Task[Reply]] = {}

    async def ask_all(
        self, bodies: Sequence[dict[str, Any]], tell: Callable[[int], None], calls: Sequence[str]
    ) -> list[Reply]:
        """Answer every body, in order; `tell` gets how many are in after each, `calls` says whose words each has."""
        done = 0
        keys = [json.dumps(body, sort_keys=True) for body in bodies]
        whose: dict[str, list[str]] = {}
        for key, call_id in zip(keys, calls, strict=True):
            whose.setdefault(key, []).append(call_id)

        async def one(body: dict[str, Any], key: str) -> Reply:
            nonlocal done
            reply = await self._once(body, key, about(whose[key]))
            done += 1
            tell(done)
            return reply

        async with asyncio.TaskGroup() as group:
            tasks = [group.create_task(one(*asked)) for asked in zip(bodies, keys, strict=True)]
        return [task.result() for task in tasks]

    async def _once(self, body: dict[str, Any], key: str, headers: Mapping[str, str]) -> Reply:
        if key not in self._asked:
            self._asked[key] = asyncio.create_task(self._ask(body, headers))
        return await self._asked[key]

    async def _ask(self, body: dict[str, Any], headers: Mapping[str, str]) -> Reply:
        async with self._free:
            for wait_s in _AGAIN_S:
                try:
                    return await self._try(body, headers)
                except (httpx.NetworkError, httpx.RemoteProtocolError):
                    await asyncio.sleep(wait_s)
            try:
                return await self._try(body, headers)
            except httpx.HTTPError as error:
                return _failed(error)

    async def _try(self, body: dict[str, Any], headers: Mapping[str, str]) -> Reply:
        """Ask once. Raises NetworkError or RemoteProtocolError where the server is gone."""
        began = time.monotonic()
        try:
            answer = await self._client.post(
                self._url, json=body, headers=dict(headers), timeout=self._timeout_s
            )
            reply = read_reply(answer)
        except httpx.TimeoutException as error:
            reply = _failed(error)
        return replace(reply, ms=(time.monotonic() - began) * 1000)


def _failed(error: httpx.HTTPError) -> Reply:
    return Reply(message=None, error=f"{type(error).__name__}: {error}".rstrip(": "))


def read_reply(response: httpx.Response) -> Reply:
    """Return what a response of a chat endpoint says."""
    if response.status_code != httpx.codes.OK:
        return Reply(message=None, error=f"status {response.status_code}")
    try:
        completion = response.json()
    except ValueError:
        return Reply(message=None, error="the answer is not JSON")
    message = read.of_completion(completion if isinstance(completion, dict) else None)
    if message is None:
        return Reply(message=None, error="the answer has no message")
    reason = completion["choices"][0].get("finish_reason")
    wrong = None if reason in _COMPLETE else f"finished by {reason}"
    return Reply(message=message, error=wrong, said=told(completion))
