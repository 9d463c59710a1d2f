"""One question of the played app, said on a surface by the OpenAI SDK. Knows no gateway."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Any

import openai

_MOST_TOKENS = 64


@dataclass(frozen=True, kw_only=True, slots=True)
class Question:
    """What the app asks, on whatever surface."""

    model: str
    instructions: str
    schema: dict[str, object] | None
    text: str


@dataclass(frozen=True, kw_only=True, slots=True)
class Heard:
    """An answer: its text, its own id, its headers."""

    text: str
    answer_id: str
    headers: Mapping[str, str]


async def by_chat(client: openai.AsyncOpenAI, asked: Question) -> Heard:
    """Ask by `/v1/chat/completions`. Raises `openai.OpenAIError`."""
    format_ = {
        "type": "json_schema",
        "json_schema": {"name": "triage", "strict": True, "schema": asked.schema},
    }
    request: dict[str, Any] = {
        "model": asked.model,
        "messages": [
            {"role": "system", "content": asked.instructions},
            {"role": "user", "content": asked.text},
        ],
        "temperature": 0,
        "max_tokens": _MOST_TOKENS,
        **({"response_format": format_} if asked.schema is not None else {}),
    }
    raw = await client.chat.completions.with_raw_response.create(**request)
    completion = raw.parse()
    return Heard(
        text=completion.choices[0].message.content or "", answer_id=completion.id, headers=raw.headers
    )


async def by_responses(client: openai.AsyncOpenAI, asked: Question) -> Heard:
    """Ask by `/v1/responses`. Raises `openai.OpenAIError`."""
    format_ = {"type": "json_schema", "name": "triage", "strict": True, "schema": asked.schema}
    request: dict[str, Any] = {
        "model": asked.model,
        "instructions": asked.instructions,
        "input": asked.text,
        "temperature": 0,
        "max_output_tokens": _MOST_TOKENS,
        "store": False,
        **({"text": {"format": format_}} if asked.schema is not None else {}),
    }
    raw = await client.responses.with_raw_response.create(**request)
    response = raw.parse()
    return Heard(text=response.output_text, answer_id=response.id, headers=raw.headers)


Say = Callable[[openai.AsyncOpenAI, Question], Awaitable[Heard]]
SURFACES: dict[str, tuple[Say, ...]] = {
    "chat": (by_chat,),
    "responses": (by_responses,),
    "mixed": (by_chat, by_responses),
}
