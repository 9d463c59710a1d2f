"""Carries a DSPy program's calls to an OpenAI-compatible server. Knows no program; imported in the scorer only.

DSPy's own backends would read keys from the environment, retry and cache; litellm alone takes seconds to import.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import httpx
from dspy.lm15 import Message, Request, Response, TextPart, Usage

from distiller.scoring import message as read


class NoAnswer(Exception):  # noqa: N818 - it names the state
    """The server gave no answer; a few words say why. DSPy passes it on as an LMError with these words."""


class ChatEngine:
    """One server and one model; `headers` go with each request. Thread-safe; the client is borrowed."""

    def __init__(self, client: httpx.Client, model: str, headers: Mapping[str, str]) -> None:
        self._client = client
        self._model = model
        self._headers = dict(headers)

    def complete(self, request: Request) -> Response:
        """Ask once, for a JSON object. Raises NoAnswer."""
        system = request.system if isinstance(request.system, str) else ""
        body = {
            "model": self._model,
            "messages": [
                {"role": "system", "content": system},
                *({"role": m.role, "content": m.text or ""} for m in request.messages),
            ],
            "temperature": 0,
            "response_format": {"type": "json_object"},
        }
        text = self._ask(body)
        return Response(
            id=None,
            model=self._model,
            message=Message.assistant([TextPart(text)]),
            finish_reason="stop",
            usage=Usage(input_tokens=0, output_tokens=0, total_tokens=0),
        )

    def stream(self, request: Request) -> Any:
        """Nothing here is streamed."""
        raise NotImplementedError

    def close(self) -> None:
        """Close nothing: whoever made the client closes it."""

    def _ask(self, body: dict[str, Any]) -> str:
        try:
            response = self._client.post("chat/completions", json=body, headers=self._headers)
            response.raise_for_status()
            return read.text(read.of_completion(response.json()) or {})
        except httpx.HTTPStatusError as error:
            raise NoAnswer(f"the judge answered {error.response.status_code}") from error
        except (httpx.HTTPError, ValueError) as error:
            raise NoAnswer(f"the judge did not answer: {type(error).__name__}") from error
