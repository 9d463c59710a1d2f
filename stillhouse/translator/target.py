"""What one upstream of kind `litellm` means to litellm. Pure; knows no HTTP."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

REFERENCE = "os.environ/"  # litellm's own way to name a variable
_GLOB = "*"
# What an app may say. Everything else decides where a call goes, or is of a provider and for the operator to say.
_SAID = frozenset(
    [
        "audio",
        "frequency_penalty",
        "function_call",
        "functions",
        "logit_bias",
        "logprobs",
        "max_completion_tokens",
        "max_tokens",
        "messages",
        "modalities",
        "n",
        "parallel_tool_calls",
        "prediction",
        "presence_penalty",
        "reasoning_effort",
        "response_format",
        "seed",
        "stop",
        "stream",
        "stream_options",
        "temperature",
        "thinking",
        "tool_choice",
        "tools",
        "top_logprobs",
        "top_p",
        "verbosity",
        "web_search_options",
    ]
)
# What changes nothing that is answered.
_IDLE = frozenset(
    [
        "metadata",
        "prompt_cache_key",
        "prompt_cache_retention",
        "safety_identifier",
        "service_tier",
        "store",
        "user",
    ]
)

_ALWAYS = {
    "num_retries": 0,  # the gateway alone tries again
    "max_retries": 0,
    "_skip_mcp_handler": True,  # tools are the app's; litellm would load, and could call, MCP servers
}


class Unsaid(ValueError):  # noqa: N818 - an answer about one request, not a fault
    """A member of a request that has no counterpart; the text is its name."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Target:
    """One upstream."""

    name: str
    params: Mapping[str, Any]  # of `litellm.acompletion`; `model` names provider and model
    api_key: str | None = field(default=None, repr=False)

    def arguments(self, request: Mapping[str, Any]) -> dict[str, Any]:
        """Give what litellm is called with: the app's words, under the operator's. Raises Unsaid."""
        for name, value in request.items():
            if name not in _SAID | _IDLE | {"model"} and value is not None:
                raise Unsaid(name)
        said = {name: value for name, value in request.items() if name in _SAID and value is not None}
        own = {name: value for name, value in self.params.items() if name != "model"}
        key = {} if self.api_key is None else {"api_key": self.api_key}
        return {**said, **own, **key, **_ALWAYS, "model": self._model(request.get("model"))}

    def _model(self, asked: Any) -> str:
        """Give the model to call; a glob stands for the one that the app asks for."""
        model = str(self.params["model"])
        return asked if model.endswith(_GLOB) and isinstance(asked, str) else model


def resolved(params: Mapping[str, Any], environ: Mapping[str, str]) -> dict[str, Any]:
    """Give the parameters with the variables that they name in their place. Raises KeyError with a variable's name."""
    return {name: _resolved(value, environ) for name, value in params.items()}


def _resolved(value: Any, environ: Mapping[str, str]) -> Any:
    if isinstance(value, Mapping):
        return resolved(value, environ)
    if isinstance(value, str) and value.startswith(REFERENCE):
        return environ[value.removeprefix(REFERENCE)]
    return value


def quiet(environ: os._Environ[str]) -> None:
    """Let litellm fetch nothing but answers, before it is imported: prices, headers and news stay as installed."""
    for name in ("MODEL_COST_MAP", "ANTHROPIC_BETA_HEADERS", "BLOG_POSTS"):
        environ[f"LITELLM_LOCAL_{name}"] = "True"
