"""Column types of what is loaded into the log. Knows no connection. Mirrors `store/sql/log`."""

from __future__ import annotations

from collections.abc import Sequence
from operator import attrgetter
from typing import Any

import pyarrow as pa

from store.errors import LogRefused

_TEXT, _REAL, _INT, _LONG, _FLAG, _BYTES = (
    pa.string(), pa.float64(), pa.int32(), pa.int64(), pa.bool_(), pa.binary(),
)  # fmt: skip


def _schema(**groups: tuple[pa.DataType, str]) -> pa.Schema:
    return pa.schema([(name, kind) for kind, names in groups.values() for name in names.split()])


CALLS = _schema(
    text=(
        _TEXT,
        (
            "call_id writer origin surface method path tenant key_id task_name fingerprint model unit"
            " conversation user_id headers prompt_hash tail chosen reason task rollout_id"
            " student_id step pairing"
        ),
    ),
    real=(_REAL, "ts share propensity"),
    int=(_INT, "fp_version retry_count task_version"),
    long=(_LONG, "seq"),
    flag=(_FLAG, "stream"),
    bytes=(_BYTES, "raw input_hash"),
    cuts=(pa.list_(_INT), "cuts"),
    slices=(pa.list_(_TEXT), "slices"),
)
ATTEMPTS = _schema(
    text=(
        _TEXT,
        (
            "attempt_id call_id role who model upstream surface student_id outcome content_type headers answer"
            " error completion_id finish_reason label"
        ),
    ),
    real=(_REAL, "ts started first_byte_ms duration_ms cost_usd confidence"),
    int=(_INT, "status"),
    long=(_LONG, "prompt_tokens completion_tokens cached_tokens"),
    flag=(_FLAG, "served"),
    bytes=(_BYTES, "raw"),
)
SCORES = _schema(
    text=(_TEXT, "attempt_id call_id name version source reason"),
    real=(_REAL, "value ts position propensity"),
    flag=(_FLAG, "drawn"),
)
FEEDBACK = _schema(
    text=(_TEXT, "feedback_id target tenant key_id signal label comment correction"),
    real=(_REAL, "ts score"),
    long=(_LONG, "seq"),
)
PROMPTS = _schema(text=(_TEXT, "prompt_hash head_hash"), pieces=(pa.list_(_TEXT), "pieces"))
INGEST_LOG = _schema(
    text=(_TEXT, "segment"),
    long=(_LONG, "position calls attempts feedback tallies corrupt"),
    flag=(_FLAG, "sealed"),
    real=(_REAL, "ts"),
)
TALLIES = _schema(
    text=(_TEXT, "tally_id writer"),
    real=(_REAL, "ts"),
    long=(
        _LONG,
        "calls_kept calls_lost attempts_kept attempts_lost feedback_kept feedback_lost",
    ),
)


def table(items: Sequence[object], schema: pa.Schema, **columns: Sequence[Any]) -> pa.Table:
    """Return a row for each item: what `columns` has, else the item's attribute of the column's name.

    Raises LogRefused where a value fits no column.
    """
    known = {**attributes(items, [name for name in schema.names if name not in columns]), **columns}
    try:
        return pa.Table.from_arrays(
            [pa.array(known[field.name], field.type) for field in schema], schema=schema
        )
    except (pa.ArrowInvalid, pa.ArrowTypeError, OverflowError, UnicodeError) as error:
        raise LogRefused(f"A value does not fit the log: {error}.") from error


def attributes(items: Sequence[object], names: Sequence[str]) -> dict[str, list[Any]]:
    """Return the items' attributes, a list for each name."""
    return {name: list(map(attrgetter(name), items)) for name in names}
