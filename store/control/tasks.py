"""Tasks and their versions. Knows no grouping rule."""

from __future__ import annotations

from sqlalchemy import Connection, delete, insert, select

from store.control.database import Database
from store.control.rows import every, first, upsert, values
from store.control.schema import fingerprints, task_versions, tasks
from store.vocabulary import Task, TaskVersion


class TaskTables(Database):
    """Tasks, task versions and the many-to-one map from fingerprints to versions."""

    def tasks(self) -> list[Task]:
        """Return all tasks, oldest first."""
        with self.reading() as connection:
            return every(connection, Task, select(tasks).order_by(tasks.c.created, tasks.c.task_id))

    def task(self, task_id: str) -> Task | None:
        """Return one task."""
        with self.reading() as connection:
            return first(connection, Task, select(tasks).where(tasks.c.task_id == task_id))

    def save_task(self, task: Task, epoch: int) -> None:
        """Write a task; its trials never shrink."""
        with self.writing(epoch) as connection:
            write_task(connection, task)

    def versions(self, task_id: str) -> list[TaskVersion]:
        """Return a task's versions, first to last."""
        query = select(task_versions).where(task_versions.c.task_id == task_id)
        with self.reading() as connection:
            return every(connection, TaskVersion, query.order_by(task_versions.c.version))

    def save_version(self, version: TaskVersion, epoch: int) -> None:
        """Write a version; a fingerprint that another version held moves to this one."""
        with self.writing(epoch) as connection:
            write_version(connection, version)

    def version_of(self, fingerprint: str) -> TaskVersion | None:
        """Return the version that a fingerprint belongs to."""
        same = (fingerprints.c.task_id == task_versions.c.task_id) & (
            fingerprints.c.version == task_versions.c.version
        )
        query = select(task_versions).join(fingerprints, same)
        with self.reading() as connection:
            return first(connection, TaskVersion, query.where(fingerprints.c.fingerprint == fingerprint))


def write_task(connection: Connection, task: Task) -> None:
    """Write a task within a transaction; its trials never shrink."""
    known = connection.execute(select(tasks.c.trials).where(tasks.c.task_id == task.task_id)).scalar()
    upsert(connection, tasks, {**values(task), "trials": max(task.trials, known or 0)})


def write_version(connection: Connection, version: TaskVersion) -> None:
    """Write a version within a transaction; a fingerprint that another version held moves to this one."""
    mine = (fingerprints.c.task_id == version.task_id) & (fingerprints.c.version == version.version)
    rows = [
        {"fingerprint": name, "task_id": version.task_id, "version": version.version}
        for name in version.fingerprints
    ]
    upsert(connection, task_versions, values(version))
    connection.execute(delete(fingerprints).where(mine))
    connection.execute(delete(fingerprints).where(fingerprints.c.fingerprint.in_(version.fingerprints)))
    if rows:
        connection.execute(insert(fingerprints), rows)
