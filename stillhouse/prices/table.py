"""litellm's price table, `model_prices_and_context_window.json`, read as data. litellm is never imported.

The table names a model by itself or below its provider (`groq/llama-3.1-8b-instant`).
"""

from __future__ import annotations

import importlib.metadata
import importlib.util
import json
import re
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from stillhouse.prices.rates import Entry, Rates

Table = Mapping[str, Any]
_INSTALLED = "model_prices_and_context_window_backup.json"
_NAMED_BARE = ("anthropic/", "openai/")  # providers whose models the table names by themselves
_PREFIXES = ("openai/", "azure/", "anthropic/", "gemini/", "mistral/", "deepseek/")
_NO_MODEL = frozenset({"sample_spec"})
_TIER = re.compile(r"input_cost_per_token_above_(\d+)k_tokens")
_FIELDS = {
    "prompt": "input_cost_per_token",
    "completion": "output_cost_per_token",
    "cached": "cache_read_input_token_cost",
    "kept": "cache_creation_input_token_cost",
    "kept_1h": "cache_creation_input_token_cost_above_1hr",
}
_COST = re.compile(rf"({'|'.join(_FIELDS.values())})(_above_\d+k_tokens)?")


def installed() -> tuple[str, Table]:
    """Give the table that litellm brings, and whose it is; an empty one where litellm is not installed."""
    found = importlib.util.find_spec("litellm")  # of a top-level name: looks, runs nothing
    if found is None or not found.submodule_search_locations:
        return "litellm is not installed", {}
    path = Path(found.submodule_search_locations[0]) / _INSTALLED
    table: Table = json.loads(path.read_text("utf-8")) if path.is_file() else {}
    return f"litellm {importlib.metadata.version('litellm')}", table


def find(table: Table, model: str) -> Entry | None:
    """Give the entry of a model, by its name or its name below a provider."""
    bare = next((model.removeprefix(head) for head in _NAMED_BARE if model.startswith(head)), model)
    for name in (model, bare, *(prefix + model for prefix in _PREFIXES)):
        if name in table and name not in _NO_MODEL:
            return entry(table[name])
    return None


def entry(value: Any) -> Entry | None:
    """Read one entry; None where it has no price for reading a token."""
    if not isinstance(value, dict) or (base := _rates(value, "")) is None:
        return None
    above: list[tuple[int, Rates]] = []
    rates: Rates | None = base
    for tier in sorted(int(match[1]) for key in value if (match := _TIER.fullmatch(key))):
        rates = _rates(value, f"_above_{tier}k_tokens", rates)
        if rates is not None:
            above.append((1000 * tier, rates))
    return Entry(rates=base, above=tuple(above))


def priced(table: Table) -> dict[str, dict[str, float]]:
    """Give what of a table is used here: the models with a price, and of each its rates."""
    models = {name: value for name, value in table.items() if name not in _NO_MODEL}
    return {
        name: {key: float(rate) for key, rate in value.items() if _COST.fullmatch(key) and _is_rate(rate)}
        for name, value in models.items()
        if entry(value) is not None
    }


def _rates(value: dict[str, Any], suffix: str, under: Rates | None = None) -> Rates | None:
    """Read the rates of one tier; what it does not name is as in the tier under it."""
    given = {field: value.get(name + suffix) for field, name in _FIELDS.items()}
    named: dict[str, Any] = {field: rate for field, rate in given.items() if _is_rate(rate)}
    if under is not None:
        return replace(under, **named)
    return Rates(**named) if "prompt" in named else None


def _is_rate(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and value >= 0
