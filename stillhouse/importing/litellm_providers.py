"""One deployment of LiteLLM's proxy as an upstream of ours. Pure; knows no file and no other deployment.

Where a provider speaks OpenAI's dialect, and the app's name for the model is the provider's own, it is called directly; an
Azure deployment is one of ours, too; every other goes through the translator.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

from stillhouse.importing.found import Object
from stillhouse.prices.table import Table

REFERENCE = "os.environ/"
Warn = Callable[..., None]  # (name of a parameter, hint, what becomes of it)

# Providers that speak OpenAI's dialect, and where.
_SPOKEN = {
    "openai": "https://api.openai.com/v1",
    "deepseek": "https://api.deepseek.com/v1",
    "fireworks_ai": "https://api.fireworks.ai/inference/v1",
    "groq": "https://api.groq.com/openai/v1",
    "mistral": "https://api.mistral.ai/v1",
    "openrouter": "https://openrouter.ai/api/v1",
    "together_ai": "https://api.together.xyz/v1",
    "xai": "https://api.x.ai/v1",
    "hosted_vllm": None,
    "lm_studio": None,
    "openai_like": None,
}
_KEYLESS = frozenset({"hosted_vllm", "lm_studio", "openai_like", "ollama", "ollama_chat", "vllm"})
# Providers whose credentials are no API key: they stand in parameters of their own, or where the provider's library looks.
_SIGNED = frozenset(
    {"bedrock", "bedrock_converse", "sagemaker", "sagemaker_chat", "vertex_ai", "vertex_ai_beta"}
)
_SECRET = re.compile(
    r"secret|password|credential|authorization|cookie|(?<!per_)token$|[-_]key$|access_key", re.IGNORECASE
)
_LOGIN = re.compile(r"^\w+://[^/@]+@")  # of a URL that names a user
_OURS = frozenset({"api_key", "timeout", "weight", "order"})  # said by settings of our own
# Of the proxy's router, not of a call.
_ROUTER = frozenset(
    [
        "rpm",
        "tpm",
        "max_parallel_requests",
        "stream_timeout",
        "max_retries",
        "num_retries",
        "tags",
        "max_budget",
        "budget_duration",
        "cooldown_time",
        "mock_response",
    ]
)
_HINTS = {
    "max_parallel_requests": "`concurrency` of an upstream is its like, for each worker",
    "cooldown_time": "`cooldown_s` of an upstream is its like",
}


def upstream(given: Object, public: str, table: Table, warn: Warn) -> Object:
    """Give what calls a deployment, without name and models. `given` are its parameters, `public` the app's name for it."""
    provider, model = _provider(given, table)
    base = given.get("api_base", given.get("base_url"))
    version = given.get("api_version")
    taken = {"model", "api_base", "base_url", "custom_llm_provider"} | _OURS
    if provider == "azure" and _literal(base) and _literal(version):
        made: Object = {"kind": "azure", "base_url": f"{str(base).rstrip('/')}/openai"}
        made |= {"api_version": version, "deployment": model}
        taken |= {"api_version"}
    elif (
        provider in _SPOKEN
        and model == public
        and (base or _SPOKEN[provider])
        and not refers(base)
        and not _LOGIN.match(str(base))
    ):
        made = {"base_url": base or _SPOKEN[provider]}
    else:
        prefix = re.sub(r"\W+", "_", public).upper().strip("_")
        made = {"kind": "litellm", "params": _without_secrets(_params(given), prefix, warn)}
        taken |= made["params"].keys()
        if "*" in given["model"] and given["model"] != public:
            warn("model", "a glob must be the same on both sides", "will not work")
    for name in sorted(given.keys() - taken):
        warn(name, _HINTS.get(name, ""))
    return made | _key(given, provider, warn)


def refers(value: Any) -> bool:
    """Tell whether a value names a variable."""
    return isinstance(value, str) and value.startswith(REFERENCE)


def _literal(value: Any) -> bool:
    return isinstance(value, str) and not refers(value)


def _provider(given: Object, table: Table) -> tuple[str, str]:
    """Tell whose a model is and how it is called there, as litellm would."""
    model: str = given["model"]
    named = given.get("custom_llm_provider")
    if isinstance(named, str):
        return named, model.removeprefix(f"{named}/")
    head, slash, tail = model.partition("/")
    if slash:
        return head, tail
    entry = table.get(model)
    known = entry.get("litellm_provider") if isinstance(entry, dict) else None
    return (known if isinstance(known, str) else "openai"), model


def _params(given: Object) -> Object:
    params = {name: value for name, value in given.items() if name not in _OURS | _ROUTER}
    if "base_url" in params:
        params.setdefault("api_base", params.pop("base_url"))
    return params


def _without_secrets(params: Object, prefix: str, warn: Warn, at: str = "") -> Object:
    """Give parameters with variables in place of the secrets that stand in them."""
    done: Object = {}
    for name, value in params.items():
        path = f"{at}.{name}" if at else name
        done[name] = value
        if isinstance(value, dict) and not _SECRET.search(name):
            done[name] = _without_secrets(value, prefix, warn, path)
        elif _literal(value) and (_SECRET.search(name) or _LOGIN.match(value)):
            variable = re.sub(r"\W+", "_", f"{prefix}_{path}").upper().strip("_")
            warn(path, f"put it into the variable {variable}", "is not copied")
            done[name] = REFERENCE + variable
    return done


def _key(given: Object, provider: str, warn: Warn) -> Object:
    key = given.get("api_key")
    if refers(key):
        return {"api_key_env": str(key).removeprefix(REFERENCE)}
    if key is None and provider in _KEYLESS | _SIGNED:
        return {}
    name = re.sub(r"\W+", "_", provider).upper() + "_API_KEY"
    if key is not None:
        warn("api_key", f"put it into the variable {name}", "is not copied")
    return {"api_key_env": name}
