"""Reads the SQL files of this folder. Knows no engine: it hands out text.

`<name>.sql` holds named queries, each after a line `-- name: <query>`, with bound parameters only.
`<database>/NNNN.forward.sql` and `NNNN.back.sql` are the numbered migrations of a database.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cache
from importlib.resources import files

from store.errors import StoreError

_NAME = re.compile(r"^-- name: (\w+)\s*$", re.MULTILINE)
_FORWARD = re.compile(r"(\d{4})\.forward\.sql")
_STATEMENT_END = re.compile(r";\s*(?:\n|\Z)")
_COMMENT = re.compile(r"--[^\n]*")


@dataclass(frozen=True, kw_only=True, slots=True)
class Migration:
    """One step of a schema, both ways."""

    version: int  # of the schema after `forward`
    forward: tuple[str, ...]  # statements
    back: tuple[str, ...]


@cache
def query(name: str) -> str:
    """Return the named query, `<file>.<query>`; StoreError where there is none."""
    file, _, part = name.partition(".")
    found = _named(file).get(part)
    if found is None:
        raise StoreError(f"There is no query {name!r}.")
    return found


@cache
def _named(file: str) -> dict[str, str]:
    parts = _NAME.split(files(__package__).joinpath(f"{file}.sql").read_text("utf-8"))
    return {name: text.strip().rstrip(";") for name, text in zip(parts[1::2], parts[2::2], strict=True)}


@cache
def migrations(database: str) -> tuple[Migration, ...]:
    """Return the migrations of a database, in order; StoreError where a number is missing."""
    folder = files(__package__).joinpath(database)
    numbers = sorted(int(m[1]) for entry in folder.iterdir() if (m := _FORWARD.fullmatch(entry.name)))
    if numbers != list(range(1, len(numbers) + 1)):
        raise StoreError(f"The migrations of {database} are not numbered 1, 2, 3 ...: {numbers}.")
    return tuple(
        Migration(
            version=number,
            forward=_statements(folder.joinpath(f"{number:04d}.forward.sql").read_text("utf-8")),
            back=_statements(folder.joinpath(f"{number:04d}.back.sql").read_text("utf-8")),
        )
        for number in numbers
    )


def _statements(text: str) -> tuple[str, ...]:
    """Part a script at the semicolons that end a line."""
    parts = (part.strip() for part in _STATEMENT_END.split(text))
    return tuple(part for part in parts if _COMMENT.sub("", part).strip())
