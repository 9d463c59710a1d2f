"""Looks for texts in every column of every file. Knows no column's meaning.

What an erasure proves itself with: nothing is skipped because it should not hold such a thing.
"""

from __future__ import annotations

import json
import uuid
from collections.abc import Sequence

from store import words
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
_WHOLE = {
    "VARCHAR": "contains({column}, {text}) AND regexp_matches({column}, {pattern})",
    "VARCHAR[]": "len(list_filter({column}, lambda x: contains(x, {text}) AND regexp_matches(x, {pattern}))) > 0",
}
# What makes a row another tenant's. A prompt is theirs where only their calls use it.
_OTHERS = {
    "calls": "tenant <> $tenant",
    "feedback": "tenant <> $tenant",
    "attempts": "call_id IN (SELECT call_id FROM calls WHERE tenant <> $tenant)",
    "scores": "call_id IN (SELECT call_id FROM calls WHERE tenant <> $tenant)",
    "prompts": "prompt_hash IN (SELECT prompt_hash FROM calls GROUP BY ALL HAVING bool_and(tenant <> $tenant))",
}


def search(
    database: Database, texts: Sequence[str], *, whole: bool = False, tenant: str | None = None
) -> list[Hit]:
    """Return the columns that hold any of the texts, as they are or as JSON writes them, with how many rows.

    `whole`: texts that are a part of a longer word do not count, but in bytes, where a word has no border.
    `tenant`: rows that are another one's are counted apart.
    """
    forms = sorted({form for text in texts if text for form in _forms(text)})
    if not forms:
        return []
    hits: list[Hit] = []
    with database.looking() as cursor:
        aliases = database.parts()
        rows = cursor.execute(_COLUMNS, {"files": list(aliases)}).fetchall()
        for alias, table, column, kind in rows:
            tests, values = _tests(f'"{column}"', kind, forms, whole=whole)
            if not tests:
                continue
            others = "false"
            if tenant is not None and table in _OTHERS:
                others, values["tenant"] = _OTHERS[table], tenant
            counted = (
                f"SELECT count(*) FILTER (WHERE others IS NOT TRUE), count(*) FILTER (WHERE others) "  # noqa: S608
                f'FROM (SELECT {others} AS others FROM "{alias}"."{table}" WHERE {tests})'
            )
            own, theirs = cursor.execute(counted, values).fetchall()[0]
            if own or theirs:
                hits.append(Hit(part=aliases[alias], table=table, column=column, rows=own, others=theirs))
    return hits


def _forms(text: str) -> set[str]:
    return {text, json.dumps(text)[1:-1], json.dumps(text, ensure_ascii=False)[1:-1]}


def _tests(column: str, kind: str, forms: Sequence[str], *, whole: bool) -> tuple[str, dict[str, str]]:
    """Return the condition under which a column holds one of the forms, "" where it cannot, and its values."""
    if kind == "UUID":
        forms = [form for form in forms if _is_id(form)]
    test = _WHOLE.get(kind, _TESTS[kind]) if whole else _TESTS[kind]
    tests = [test.format(column=column, text=f"$text{n}", pattern=f"$pattern{n}") for n in range(len(forms))]
    values = {f"text{n}": form for n, form in enumerate(forms)}
    if "{pattern}" in test:
        values |= {f"pattern{n}": words.pattern(form) for n, form in enumerate(forms)}
    return " OR ".join(tests), values


def _is_id(text: str) -> bool:
    try:
        uuid.UUID(text)
    except ValueError:
        return False
    return True
