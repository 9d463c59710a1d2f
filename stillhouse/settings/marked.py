"""A YAML file as plain values, with the line that each came from. Knows no setting by name."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from stillhouse.errors import ConfigError

Where = tuple[str | int, ...]
_MERGE = "tag:yaml.org,2002:merge"  # of a key `<<`


@dataclass(frozen=True, kw_only=True, slots=True)
class Marked:
    """`values` as YAML gives them; `places` maps a path of keys to `file:line` (of the key, if it has one)."""

    values: dict[str, Any] = field(default_factory=dict)
    places: dict[Where, str] = field(default_factory=dict)

    def place(self, path: Where) -> tuple[int, str]:
        """Tell where a path was written, or the nearest thing around it, and how many of its keys that names."""
        for length in range(len(path), 0, -1):
            if (found := self.places.get(path[:length])) is not None:
                return length, found
        return 0, ""


def read(path: Path) -> Marked:
    """Read a YAML mapping. Raises ConfigError (file and line) on bad syntax, twice the same key, or no mapping."""
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is not UTF-8 text"
        raise ConfigError(f"{path}: cannot be read: {reason}.") from error
    try:
        node = yaml.compose(text, Loader=yaml.SafeLoader)
        reader = _Reader(path)
        values = {} if node is None else reader.value(node, ())
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        line = mark.line + 1 if mark else 1
        raise ConfigError(
            f"{path}:{line}: this is not valid YAML: {error.problem or error.context}."
        ) from error
    except yaml.YAMLError as error:
        raise ConfigError(f"{path}:1: this is not valid YAML.") from error
    if not isinstance(values, dict):
        raise ConfigError(f"{path}:1: the file must hold a mapping of settings.")
    return Marked(values=values, places=reader.places)


class _Reader:
    """Walks the node tree once. A scalar is made by PyYAML's own safe constructor."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._scalars = yaml.constructor.SafeConstructor()
        self.places: dict[Where, str] = {}

    def value(self, node: yaml.Node, at: Where) -> Any:
        self.places.setdefault(at, self._place(node))
        if isinstance(node, yaml.MappingNode):
            return self._mapping(node, at)
        if isinstance(node, yaml.SequenceNode):
            return [self.value(item, (*at, i)) for i, item in enumerate(node.value)]
        return self._scalars.construct_object(node)

    def _mapping(self, node: yaml.MappingNode, at: Where) -> dict[str, Any]:
        values: dict[str, Any] = {}
        merged: list[Any] = []
        for key_node, value_node in node.value:
            if key_node.tag == _MERGE:
                found = self.value(value_node, (*at, "<<"))
                merged += found if isinstance(found, list) else [found]
                continue
            key = str(getattr(key_node, "value", ""))
            if key in values:
                raise ConfigError(f"{self._place(key_node)}: {key!r} is written twice.")
            self.places[(*at, key)] = self._place(key_node)
            values[key] = self.value(value_node, (*at, key))
        for one in merged:
            if not isinstance(one, dict):
                raise ConfigError(f"{self._place(node)}: what is merged (<<) must be a mapping.")
            values = {**one, **values}
        return values

    def _place(self, node: yaml.Node) -> str:
        return f"{self._path}:{node.start_mark.line + 1}"
