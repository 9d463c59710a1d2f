"""Deltas merged into what came before, member by member, each by its type. Knows no wire format.

Nothing that a delta says is lost: strings and lists grow, objects merge, members nobody knows included.
"""

from __future__ import annotations

from typing import Any

_ONCE = frozenset({"id", "type", "role", "index", "object", "name", "expires_at", "format"})


def merge(into: dict[str, Any], delta: dict[str, Any]) -> dict[str, Any]:
    """Merge `delta` into `into`, and give that back."""
    for key, value in delta.items():
        into[key] = _joined(key, into.get(key), value)
    return into


def _joined(key: str, old: Any, new: Any) -> Any:
    if old is None and isinstance(new, list):
        old = []
    if old is None and isinstance(new, dict):
        old = {}
    if new is None or old is None:
        return old if new is None else new
    if isinstance(old, str) and isinstance(new, str):
        return old or new if key in _ONCE else old + new
    if isinstance(old, dict) and isinstance(new, dict):
        return merge(old, new)
    if isinstance(old, list) and isinstance(new, list):
        return _merge_lists(old, new)
    return new


def _merge_lists(old: list[Any], new: list[Any]) -> list[Any]:
    """Merge elements that carry an index into the one with the same; append the others."""
    for element in new:
        index = element.get("index") if isinstance(element, dict) else None
        twin = next((e for e in old if isinstance(e, dict) and e.get("index") == index), None)
        if index is None or twin is None:
            old.append(merge({}, element) if isinstance(element, dict) else element)
        else:
            merge(twin, element)
    return old
