"""A value held against a JSON schema of the request. Pure; fetches nothing."""

from __future__ import annotations

import re
from functools import lru_cache
from typing import Any

import jsonschema
import referencing
import referencing.exceptions

from gateway import canonical

_UNCHECKABLE = (
    jsonschema.SchemaError,
    referencing.exceptions.Unresolvable,
    re.error,
    ArithmeticError,
    RecursionError,
    TypeError,
    ValueError,
)
_UNCHECKED = "The JSON schema of the request cannot be checked here."


def broken(value: Any, schema: Any) -> str | None:
    """Give one sentence about where `value` breaks `schema`, or None."""
    if not isinstance(schema, dict | bool):
        return _UNCHECKED
    try:
        error = next(iter(_validator(canonical.dumps(schema)).iter_errors(value)), None)
    except _UNCHECKABLE:
        return _UNCHECKED
    return f"The answer breaks the JSON schema at {error.json_path[:80]}." if error else None


@lru_cache(maxsize=256)
def _validator(schema: bytes) -> Any:
    # An empty registry: a `$ref` in an app's schema never makes this process fetch anything.
    made = jsonschema.Draft202012Validator(canonical.loads(schema), registry=referencing.Registry())
    made.check_schema(made.schema)
    return made
