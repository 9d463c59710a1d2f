"""Ids in each provider's own form, made of a completion's id: equal completions, equal ids."""

from __future__ import annotations

import hashlib
import json
import re

from gateway.translate.fields import Object

_SAFE = re.compile(r"[A-Za-z0-9_-]{1,64}")  # what every provider accepts back


def made(prefix: str, length: int, *parts: object) -> str:
    """Give `prefix` and `length` hex digits (at most 64) that depend on `parts`."""
    seed = json.dumps([str(part) for part in parts]).encode()
    return prefix + hashlib.sha256(seed).hexdigest()[:length]


def seed(completion: Object) -> str:
    """Give what a completion's ids are made of: its own id, or all of it."""
    return str(completion.get("id") or json.dumps(completion, sort_keys=True))


def call_id(prefix: str, call: Object, *parts: object) -> str:
    """Give a tool call's id: its own where it has the provider's form, else one made of it."""
    own = call.get("id")
    if isinstance(own, str) and own.startswith(prefix) and _SAFE.fullmatch(own):
        return own
    return made(prefix, 24, own, *(() if own else parts))
