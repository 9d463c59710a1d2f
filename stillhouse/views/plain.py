"""Any of our values as plain JSON. Knows none of them by name."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from dataclasses import fields, is_dataclass
from enum import Enum
from typing import Any

import msgspec

_LEVELS = 200  # what is nested deeper is left out: the server's own writer gives up at 255


def plain(value: Any, levels: int = _LEVELS) -> Any:
    """Give dicts, lists, strings, numbers, booleans and None only. Bytes become JSON where they are, else text."""
    if not levels:
        return "…"
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if value is None or (isinstance(value, (bool, int)) and not isinstance(value, Enum)):
        return value
    if isinstance(value, Mapping):
        return {_sayable(str(key)): plain(item, levels - 1) for key, item in value.items()}
    if isinstance(value, (list, tuple, set, frozenset)):
        return [plain(item, levels - 1) for item in value]
    return _ours(value, levels)


def _ours(value: Any, levels: int) -> Any:
    if isinstance(value, Enum):
        return value.value
    if isinstance(value, str):
        return _sayable(value)
    if isinstance(value, bytes):
        return _body(value, levels)
    if is_dataclass(value) or isinstance(value, msgspec.Struct):
        names = (
            value.__struct_fields__ if isinstance(value, msgspec.Struct) else [f.name for f in fields(value)]
        )
        return {name: plain(getattr(value, name), levels - 1) for name in names}
    return str(value)


def _sayable(text: str) -> str:
    """Lone surrogates, as of an emoji that an app cut in two, are no UTF-8: they are shown as they are escaped."""
    return text.encode("utf-8", "backslashreplace").decode()


def _body(body: bytes, levels: int) -> Any:
    try:
        return plain(json.loads(body), levels)
    except (ValueError, RecursionError):
        return body.decode("utf-8", "replace")
