"""`STILLHOUSE_*` variables as a tree of values. Knows no setting by name but the ones that are not settings."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import yaml

from stillhouse.errors import ConfigError
from stillhouse.settings.marked import Marked, Where
from stillhouse.translator import door

PREFIX = "STILLHOUSE_"
NOT_SETTINGS = frozenset({"STILLHOUSE_CONFIG", "STILLHOUSE_URL", "STILLHOUSE_TOKEN", door.URL, door.TOKEN})


def read(environ: Mapping[str, str]) -> Marked:
    """Nest by double underscore: STILLHOUSE_GATEWAY__PORT is gateway.port. Lists and mappings are YAML or JSON."""
    values: dict[str, Any] = {}
    places: dict[Where, str] = {}
    for name in sorted(environ):
        if not name.startswith(PREFIX) or name in NOT_SETTINGS:
            continue
        path = tuple(name.removeprefix(PREFIX).lower().split("__"))
        for length in range(1, len(path) + 1):
            places.setdefault(path[:length], name)
        _put(values, path, _value(name, environ[name]), name)
    return Marked(values=values, places=places)


def merge(under: dict[str, Any], over: dict[str, Any]) -> dict[str, Any]:
    """Lay one tree over another; mappings merge, everything else is replaced."""
    merged = dict(under)
    for key, value in over.items():
        below = merged.get(key)
        both = isinstance(below, dict) and isinstance(value, dict)
        merged[key] = merge(below, value) if both and isinstance(below, dict) else value
    return merged


def _value(name: str, text: str) -> Any:
    if text.lstrip()[:1] not in {"[", "{"}:
        return text
    try:
        return yaml.safe_load(text)
    except yaml.YAMLError as error:
        raise ConfigError(f"{name}: its value is neither valid JSON nor YAML.") from error


def _put(values: dict[str, Any], path: tuple[str, ...], value: Any, name: str) -> None:
    *above, last = path
    for key in above:
        values = values.setdefault(key, {})
        if not isinstance(values, dict):
            raise ConfigError(f"{name}: another variable already sets {key!r} to a plain value.")
    values[last] = value
