"""Turns nouns into rows and back. Knows no table's meaning."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, TypeVar

import msgspec
from sqlalchemy import Connection, RowMapping, Select, Table, insert, update

Noun = TypeVar("Noun")


def values(noun: Any) -> dict[str, Any]:
    """Return a noun's fields as column values: enums as text, nested values as JSON would have them."""
    row: dict[str, Any] = msgspec.to_builtins(noun)
    return {name: list(value) if isinstance(value, tuple) else value for name, value in row.items()}


def noun(cls: type[Noun], row: RowMapping | Mapping[str, Any]) -> Noun:
    """Return the noun of a row; columns that are not its fields are left out."""
    return msgspec.convert({str(name): value for name, value in row.items()}, cls)


def every(connection: Connection, cls: type[Noun], query: Select[Any]) -> list[Noun]:
    """Return the nouns that a query finds."""
    return [noun(cls, row) for row in connection.execute(query).mappings()]


def first(connection: Connection, cls: type[Noun], query: Select[Any]) -> Noun | None:
    """Return the first noun that a query finds, or None."""
    row = connection.execute(query).mappings().first()
    return None if row is None else noun(cls, row)


def upsert(connection: Connection, table: Table, row: Mapping[str, Any]) -> None:
    """Write a row over the one with the same primary key, or beside the others."""
    key = [column.name for column in table.primary_key]
    same = [table.c[name] == row[name] for name in key]
    changed = {name: value for name, value in row.items() if name not in key}
    if connection.execute(update(table).where(*same).values(changed)).rowcount == 0:
        connection.execute(insert(table).values(dict(row)))
