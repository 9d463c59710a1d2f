"""LiteLLM's `config.yaml` as our settings. Copies no key, only where each comes from.

What has no counterpart is said, with its line.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from stillhouse.errors import StillhouseError
from stillhouse.importing import fields, litellm_providers
from stillhouse.importing.found import Object
from stillhouse.prices import table
from stillhouse.settings import marked
from stillhouse.settings.marked import Marked, Where

_CHAT_MODES = (None, "chat", "completion", "responses")
_PRICES = {"input_cost_per_token": "input", "output_cost_per_token": "output"}
_HINTS = {
    "master_key": "`stillhouse keys NAME` makes a key for each app",
    "fallbacks": "name several upstreams with one model instead",
    "num_retries": "a call is tried again at another upstream, never twice at one",
    "success_callback": "every call is in the ledger already",
    "callbacks": "every call is in the ledger already",
    "environment_variables": "set them where `stillhouse up` is started",
}
_NO_COUNTERPART = "has no counterpart here"


@dataclass(kw_only=True)
class Converted:
    """Settings as text, and what was not taken over."""

    text: str = ""
    warnings: list[str] = field(default_factory=list)


def settings_of(path: Path) -> Converted:
    """Convert a file. Raises ConfigError or StillhouseError where it is none of the proxy's."""
    return _Converter(path, marked.read(path)).convert()


class _Converter:
    def __init__(self, path: Path, written: Marked) -> None:
        self._path = path
        self._written = written
        self._table = table.installed()[1]
        self._upstreams: list[Object] = []
        self._prices: dict[str, Object] = {}
        self._served: Counter[str] = Counter()  # how many deployments a name has
        self._done = Converted()

    def convert(self) -> Converted:
        values = self._written.values
        models = values.get("model_list")
        if not isinstance(models, list) or not models:
            raise StillhouseError(f"{self._path} has no model_list: it is no config.yaml of LiteLLM's proxy.")
        deployments = [one if isinstance(one, dict) else {} for one in models]
        self._served.update(str(one.get("model_name")) for one in deployments)
        for index, one in enumerate(deployments):
            self._deployment(one, ("model_list", index))
        for path, name in _others(values):
            self._warn(path, _HINTS.get(name, ""))
        settings: Object = {"upstreams": self._upstreams}
        if self._prices:
            settings["prices"] = self._prices
        head = f"# Made of {self._path.name} by `stillhouse import litellm-config`.\n"
        self._done.text = head + yaml.safe_dump(settings, sort_keys=False, allow_unicode=False)
        return self._done

    def _deployment(self, one: Object, at: Where) -> None:
        public, given = one.get("model_name"), one.get("litellm_params")
        if (
            not isinstance(public, str)
            or not isinstance(given, dict)
            or not isinstance(given.get("model"), str)
        ):
            self._warn(at, "it names no model", "is left out")
            return
        info = fields.an_object(one.get("model_info"))
        if info.get("mode") not in _CHAT_MODES:
            self._warn((*at, "model_info", "mode"), "upstreams are made for chat", "leaves the model out")
            return

        def warn(name: str, *words: str) -> None:
            self._warn((*at, "litellm_params", name), *words)

        made = litellm_providers.upstream(given, public, self._table, warn)
        if (seconds := fields.number(given.get("timeout"))) is not None:
            made["timeouts"] = {"total": seconds}
        self._add(made | self._share(given, public), public)
        self._price(public, info, at)
        for name in sorted(one.keys() - {"model_name", "litellm_params", "model_info"}):
            self._warn((*at, name))

    def _share(self, given: Object, public: str) -> Object:
        """Say how a deployment stands among others of its name, which share the calls unless they have an order."""
        if self._served[public] == 1:
            return {}
        order, weight = fields.count(given.get("order")), fields.number(given.get("weight"))
        return {"priority": order or 0} | ({"weight": weight} if weight else {})

    def _add(self, upstream: Object, public: str) -> None:
        """Add an upstream, or its model to one that is otherwise the same."""
        if upstream.keys() <= {"base_url", "api_key_env", "timeouts"}:
            for other in self._upstreams:
                if {name: said for name, said in other.items() if name not in {"name", "models"}} == upstream:
                    other["models"].append(public)
                    return
        base = re.sub(r"[^A-Za-z0-9._-]+", "-", public).strip("-") or "any"
        taken = {other["name"] for other in self._upstreams}
        numbered = (f"{base}-{number}" for number in range(2, len(taken) + 3))
        name = next(name for name in (base, *numbered) if name not in taken)
        self._upstreams.append({"name": name, **upstream, "models": [public]})

    def _price(self, public: str, info: Object, at: Where) -> None:
        said = {ours: fields.number(info.get(theirs)) for theirs, ours in _PRICES.items()}
        if said["input"] is not None:
            self._prices[public] = {n: round(usd * 1e6, 9) for n, usd in said.items() if usd is not None}
        elif isinstance(base := info.get("base_model"), str):
            self._prices[public] = {"like": base}
        for name in sorted(info.keys() - {*_PRICES, "base_model", "id", "mode"}):
            self._warn((*at, "model_info", name))

    def _warn(self, path: Where, hint: str = "", what: str = _NO_COUNTERPART) -> None:
        _, place = self._written.place(path)
        name = ".".join(str(part) for part in path)
        self._done.warnings.append(f"{place}: {name} {what}" + (f": {hint}." if hint else "."))


def _others(values: dict[str, Any]) -> Iterator[tuple[Where, str]]:
    """Give each setting beside the models, those of a branch one by one."""
    for name, value in values.items():
        if name == "model_list":
            continue
        if isinstance(value, dict) and value and name != "environment_variables":
            for inner in value:
                yield (name, inner), str(inner)
        else:
            yield (name,), str(name)
