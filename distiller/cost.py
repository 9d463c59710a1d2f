"""What tokens cost, from litellm's price table read as data. Knows no call; litellm is never imported."""

from __future__ import annotations

import importlib.util
import json
from functools import lru_cache
from pathlib import Path
from typing import Any

from store.vocabulary import Usage

_TABLE = "model_prices_and_context_window_backup.json"
_PREFIXES = ("", "openai/", "azure/", "anthropic/", "gemini/", "mistral/", "deepseek/")


def price(model: str, usage: Usage) -> float | None:
    """Return the price of one answer in US dollars.

    None where the model is not in the table, or its upstream reported no tokens: unknown is not free.
    Cached prompt tokens cost the table's cache rate where it names one.
    """
    entry = _entry(model)
    if entry is None or usage.prompt_tokens is None:
        return None
    reading, writing = entry.get("input_cost_per_token"), entry.get("output_cost_per_token")
    if reading is None:
        return None
    cached = min(usage.cached_tokens or 0, usage.prompt_tokens)
    cache_rate = entry.get("cache_read_input_token_cost")
    fresh = usage.prompt_tokens - cached
    read = fresh * reading + cached * (reading if cache_rate is None else cache_rate)
    return float(read + (usage.completion_tokens or 0) * (writing or 0.0))


@lru_cache(maxsize=1024)
def _entry(model: str) -> dict[str, Any] | None:
    """Return the table's entry of a model, by its name or its name below a provider."""
    table = _table()
    for prefix in _PREFIXES:
        entry = table.get(prefix + model)
        if isinstance(entry, dict) and model != "sample_spec":
            return entry
    return None


@lru_cache(maxsize=1)
def _table() -> dict[str, Any]:
    """Return the price table; empty where litellm is not installed."""
    found = importlib.util.find_spec("litellm")  # of a top-level name: looks, runs nothing
    if found is None or not found.submodule_search_locations:
        return {}
    path = Path(found.submodule_search_locations[0]) / _TABLE
    table: dict[str, Any] = json.loads(path.read_text("utf-8")) if path.is_file() else {}
    return table
