"""The admin API of a judge's audit: what waits for a person, and the labels that one gives. Knows no rule."""

from __future__ import annotations

from typing import Annotated, Any, Protocol

from fastapi import Body, FastAPI, Query

from stillhouse.views.audit import audit
from stillhouse.views.stores import Stores

_Text = Annotated[str, Body(embed=True, max_length=200)]
_Limit = Annotated[int, Query(ge=1, le=1000)]


class Labeller(Protocol):
    """Takes labels."""

    def label(self, task_id: str, target: str, label: str) -> dict[str, Any]:
        """Write down what a person thinks of an answer; gives the score. Raises Missing or Refused."""


def mount(app: FastAPI, stores: Stores, desk: Labeller) -> None:
    """Add the endpoints."""

    @app.get("/api/tasks/{task_id}/audit")
    def waiting(task_id: str, limit: _Limit = 20) -> dict[str, Any]:
        return audit(stores, task_id, limit)

    @app.post("/api/tasks/{task_id}/audit", status_code=201)
    def label(task_id: str, target: _Text, label: _Text) -> dict[str, Any]:
        return desk.label(task_id, target, label)
