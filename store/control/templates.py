"""The published templates, which gateways look calls up in. Knows no call and no task.

Words stand in the file as text, one blank between two: an erasure that searches it for a name finds it.
"""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

from sqlalchemy import RowMapping, delete, insert, select, update

from store.control.database import Database
from store.control.rows import noun, values
from store.control.schema import template_set
from store.control.schema import templates as template_table
from store.template import Template


class TemplateTable(Database):
    """One set of templates, replaced as a whole. Its revision grows with each one, so that a poll is cheap."""

    def templates(self) -> list[Template]:
        """Return what is published, by id."""
        with self.reading() as connection:
            rows = connection.execute(
                select(template_table).order_by(template_table.c.template_id)
            ).mappings()
            return [_read(row) for row in rows]

    def templates_revision(self) -> int:
        """Return how often the set was published, 0 for never."""
        with self.reading() as connection:
            return int(connection.execute(select(template_set.c.revision)).scalar() or 0)

    def publish_templates(self, templates: Collection[Template], epoch: int) -> None:
        """Replace the published set. Gateways have it a moment later."""
        with self.writing(epoch) as connection:
            connection.execute(delete(template_table))
            if templates:
                connection.execute(insert(template_table), [_written(template) for template in templates])
            if (
                connection.execute(update(template_set).values(revision=template_set.c.revision + 1)).rowcount
                == 0
            ):
                connection.execute(insert(template_set).values(id=1, revision=1))


def _written(template: Template) -> dict[str, Any]:
    row = values(template)
    return {**row, "runs": [{**run, "words": " ".join(run["words"])} for run in row["runs"]]}


def _read(row: RowMapping) -> Template:
    runs = [{**run, "words": run["words"].split(" ")} for run in row["runs"]]
    return noun(Template, {**row, "runs": runs})
