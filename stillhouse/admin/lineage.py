"""The admin API of tasks' lineage: what an operator may order of tasks, and what came of it. Knows no rule."""

from __future__ import annotations

from typing import Annotated, Any, Protocol

from fastapi import Body, FastAPI
from pydantic import Field

from stillhouse.views.plain import plain
from stillhouse.views.stores import Stores

_Text = Annotated[str, Body(embed=True, max_length=1000)]
_Number = Annotated[int, Field(ge=1, le=1_000_000)]
_Numbers = Annotated[list[_Number], Body(embed=True, min_length=1, max_length=1000)]


class Genealogist(Protocol):
    """What may be ordered of tasks."""

    def order_task(
        self,
        verb: str,
        task_id: str,
        *,
        other: str = "",
        versions: tuple[int, ...] = (),
        name: str = "",
        reason: str = "",
    ) -> dict[str, Any]:
        """Write an order about a task; gives the order. Raises Missing or Refused."""


def mount(app: FastAPI, stores: Stores, desk: Genealogist) -> None:
    """Add the endpoints. An order is carried out a moment later: `/api/lineage` says what became of it."""

    @app.get("/api/lineage")
    def orders(task: str | None = None) -> Any:
        return plain(stores.control.task_orders(task))

    @app.post("/api/tasks/{task_id}/rename", status_code=202)
    def rename(task_id: str, name: _Text, reason: _Text = "") -> dict[str, Any]:
        return desk.order_task("rename", task_id, name=name, reason=reason)

    @app.post("/api/tasks/{task_id}/merge", status_code=202)
    def merge(task_id: str, into: _Text, reason: _Text = "") -> dict[str, Any]:
        return desk.order_task("merge", task_id, other=into, reason=reason)

    @app.post("/api/tasks/{task_id}/split", status_code=202)
    def split(task_id: str, versions: _Numbers, name: _Text = "", reason: _Text = "") -> dict[str, Any]:
        return desk.order_task("split", task_id, versions=tuple(versions), name=name, reason=reason)

    @app.post("/api/tasks/{task_id}/ignore", status_code=202)
    def ignore(
        task_id: str, *, undo: Annotated[bool, Body(embed=True)] = False, reason: _Text = ""
    ) -> dict[str, Any]:
        return desk.order_task("heed" if undo else "ignore", task_id, reason=reason)
