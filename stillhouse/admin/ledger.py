"""The admin API of what is kept: exports, erasures, backups. Knows no phase and no file of a backup."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any, Protocol

from fastapi import Body, FastAPI
from fastapi.responses import FileResponse
from starlette.background import BackgroundTask

from stillhouse.erasure import Wish
from stillhouse.errors import Missing
from stillhouse.views import exports
from stillhouse.views.plain import plain
from stillhouse.views.stores import Stores
from store.ids import new_id

CALLS = "x-stillhouse-calls"  # how many calls an export has
_PARQUET = ".parquet"


class Keeper(Protocol):
    """What may be ordered of what is kept."""

    async def erase(self, wish: Wish) -> dict[str, Any]:
        """Write down that somebody is to be forgotten; gives the erasure. Raises Refused."""

    async def backup(self, folder: Path) -> dict[str, Any]:
        """Copy the house into a folder; gives what was copied. Raises Refused."""


def mount(app: FastAPI, stores: Stores, keeper: Keeper) -> None:
    """Add the endpoints. Subjects travel in bodies, never in a path or a query."""
    control = stores.control

    @app.get("/api/export")
    def export(task: str | None = None, to: str | None = None) -> FileResponse:
        # Served once and deleted: the caller names no path on this machine.
        path = (
            stores.folder.run / f"export-{new_id()}{_PARQUET if (to or '').endswith(_PARQUET) else '.jsonl'}"
        )
        count = exports.export(stores, path, task, Path(to) if to else None)
        gone = BackgroundTask(path.unlink, missing_ok=True)
        return FileResponse(path, background=gone, headers={CALLS: str(count)})

    @app.post("/api/students/{student_id}/export", status_code=201)
    def export_student(student_id: str, folder: Annotated[Path, Body(embed=True)]) -> dict[str, object]:
        return exports.export_student(stores, student_id, folder)

    @app.get("/api/erasures")
    def erasures() -> Any:
        return plain(control.erasures())

    @app.get("/api/erasures/{erasure_id}")
    def erasure(erasure_id: str) -> Any:
        found = control.erasure(erasure_id)
        if found is None:
            raise Missing(f"There is no erasure {erasure_id!r}.")
        return plain(found)

    @app.post("/api/erasures", status_code=202)
    async def erase(wish: Wish) -> dict[str, Any]:
        return await keeper.erase(wish)

    @app.post("/api/backups", status_code=201)
    async def backup(folder: Annotated[Path, Body(embed=True)]) -> dict[str, Any]:
        return await keeper.backup(folder)
