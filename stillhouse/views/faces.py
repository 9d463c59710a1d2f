"""The views under the names that `stillhouse.client.AdminClient` gives them, read from the stores themselves."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from stillhouse.errors import StillhouseError
from stillhouse.views import advice, audit, calls, cost, explain, exports, ladder, replayed, status, tasks
from stillhouse.views.stores import Stores


class Faces:
    """Answers without a control process. Reads only; that an export was made is written down."""

    def __init__(self, stores: Stores) -> None:
        self._stores = stores

    def status(self) -> dict[str, Any]:
        """Give figures, tasks, work and last decisions."""
        return status.status(self._stores)

    def tasks(self, *, everything: bool = False) -> list[dict[str, Any]]:
        """Give the tasks, busiest first; `everything`: also those that are left alone."""
        return tasks.tasks(self._stores, everything=everything)

    def task(self, task_id: str) -> dict[str, Any]:
        """Give everything about a task. Raises Missing."""
        return tasks.task(self._stores, task_id)

    def calls(self, **wish: Any) -> dict[str, Any]:
        """Give a page of calls, newest first; the keys are those of `stillhouse.views.calls.Wish`."""
        return calls.calls(self._stores, calls.Wish(**wish))

    def call(self, call_id: str) -> dict[str, Any]:
        """Give everything about one call, by its id, its completion's or a beginning of its own. Raises Missing."""
        return calls.call(self._stores, call_id)

    def students(self, task: str | None = None) -> list[dict[str, Any]]:
        """Give the students, oldest first."""
        return tasks.students(self._stores, task)

    def ladder(self, task_id: str) -> dict[str, Any]:
        """Give the rungs that were tried for a task, with their figures. Raises Missing."""
        return ladder.ladder(self._stores, task_id)

    def replayed(self, task: str | None = None) -> dict[str, Any]:
        """Give what comes out differently when the decisions of rollouts are made again. Raises Missing."""
        return replayed.replayed(self._stores, task)

    def advice(self, task_id: str) -> list[dict[str, str]]:
        """Say what stands between a task and its student. Raises Missing."""
        return advice.advice(self._stores, task_id)

    def cost(self, task_id: str) -> dict[str, Any]:
        """Give what a task costs and saves. Raises Missing."""
        return cost.cost(self._stores, task_id)

    def audit(self, task_id: str, limit: int) -> dict[str, Any]:
        """Give the judged answers that wait for a person. Raises Missing."""
        return audit.audit(self._stores, task_id, limit)

    def explain(self, task_id: str) -> dict[str, Any]:
        """Give the story of a task. Raises Missing."""
        return explain.explain(self._stores, task_id)

    def export(self, path: Path, task: str | None = None) -> dict[str, int]:
        """Write calls with their answers, as JSON lines or `.parquet`; gives how many `calls` and `bytes`.

        Raises Missing for an unknown task, Refused for a file of Stillhouse's own.
        """
        try:
            written = exports.export(self._stores, path, task, path.absolute())
        except OSError as error:
            raise StillhouseError(f"{path} cannot be written: {error.strerror}.") from error
        return {"calls": written, "bytes": path.stat().st_size}

    def export_student(self, student_id: str, folder: Path) -> dict[str, Any]:
        """Write a student into a new folder. Raises Missing, Refused, StillhouseError."""
        return exports.export_student(self._stores, student_id, folder.absolute())
