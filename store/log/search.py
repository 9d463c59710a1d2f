"""Looks for texts in every column of every file. Knows no column's meaning.

What an erasure proves itself with: nothing is skipped because it should not hold such a thing.
"""

from __future__ import annotations

import json
import uuid
from collections.abc import Sequence

import duckdb

from store.log.database import Database
from store.log.views import Hit

_COLUMNS = """
SELECT database_name, table_name, column_name, data_type FROM duckdb_columns()
WHERE database_name IN (SELECT unnest($files)) AND data_type IN ('VARCHAR', 'VARCHAR[]', 'BLOB', 'UUID')
ORDER BY ALL
"""
_TESTS = {
    "VARCHAR": "contains({column}, {text})",
    "VARCHAR[]": "len(list_filter({column}, lambda x: contains(x, {text}))) > 0",
    "BLOB": "contains(hex({column}), hex({text}))",
    "UUID": "{column} = try_cast({text} AS UUID)",
}


def search(database: Database, texts: Sequence[str]) -> list[Hit]:
    """Return the columns that hold any of the texts, as they are or as JSON writes them, with how many rows."""
    forms = sorted({form for text in texts if text for form in _forms(text)})
    if not forms:
        return []
    hits: list[Hit] = []
    with database.looking() as cursor:
        aliases = database.parts()
        rows = cursor.execute(_COLUMNS, {"files": list(aliases)}).fetchall()
        for alias, table, column, kind in rows:
            count = _count(cursor, f'"{alias}"."{table}"', f'"{column}"', kind, forms)
            if count:
                hits.append(Hit(part=aliases[alias], table=table, column=column, rows=count))
    return hits


def _forms(text: str) -> set[str]:
    return {text, json.dumps(text)[1:-1], json.dumps(text, ensure_ascii=False)[1:-1]}


def _count(
    cursor: duckdb.DuckDBPyConnection, table: str, column: str, kind: str, forms: Sequence[str]
) -> int:
    if kind == "UUID":
        forms = [form for form in forms if _is_id(form)]
    if not forms:
        return 0
    tests = " OR ".join(_TESTS[kind].format(column=column, text=f"${n}") for n in range(1, len(forms) + 1))
    found = cursor.execute(f"SELECT count(*) FROM {table} WHERE {tests}", list(forms)).fetchone()  # noqa: S608
    return int(found[0]) if found else 0


def _is_id(text: str) -> bool:
    try:
        uuid.UUID(text)
    except ValueError:
        return False
    return True
