"""An operator's wishes about tasks and what became of them, append-only. Knows no verb's meaning.

A wish is carried out in one transaction: what it is decided from is read, and what follows written, while nobody
else writes.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

from sqlalchemy import delete, insert, or_, select, update

from store.control.database import Database
from store.control.rollouts import ENDED
from store.control.rows import every, first, values
from store.control.schema import jobs, rollouts, task_orders, task_versions, tasks
from store.control.tasks import write_task, write_version
from store.errors import NotFound
from store.vocabulary import Job, JobState, Rollout, Task, TaskVersion

_OPEN = (JobState.QUEUED.value, JobState.RUNNING.value)


@dataclass(frozen=True, kw_only=True, slots=True)
class TaskOrder:
    """What an operator asked of a task, and what came of it."""

    order_id: str
    verb: str  # rename | merge | split | ignore | heed
    task_id: str
    other: str = ""  # the task merged into, or the one that was split off
    versions: tuple[int, ...] = ()  # to split off
    name: str = ""  # to give
    actor: str
    reason: str = ""
    ts: float  # Unix seconds
    outcome: str | None = None  # one sentence; None while pending


@dataclass(frozen=True, kw_only=True, slots=True)
class Standing:
    """All that a wish about a task is decided from."""

    tasks: tuple[Task, ...]
    versions: tuple[TaskVersion, ...]
    rollouts: tuple[Rollout, ...]  # those under way
    jobs: tuple[Job, ...]  # those queued or running


@dataclass(frozen=True, kw_only=True, slots=True)
class Change:
    """What a wish comes to: rows to write, versions that are elsewhere now, how it ended."""

    outcome: str  # one sentence
    other: str = ""  # the order's, once it is known
    tasks: tuple[Task, ...] = ()
    versions: tuple[TaskVersion, ...] = ()
    gone: tuple[TaskVersion, ...] = ()


class LineageTables(Database):
    """Orders about tasks. Nothing of the log is touched, and no order is ever changed once it has ended."""

    def order_task(self, order: TaskOrder) -> None:
        """Write a wish (the admin API does; no epoch)."""
        with self.writing(None) as connection:
            connection.execute(insert(task_orders).values(values(order)))

    def task_orders(self, task_id: str | None = None, *, pending: bool = False) -> list[TaskOrder]:
        """Return orders, or those that name a task, oldest first; `pending`: only those that wait."""
        query = select(task_orders).order_by(task_orders.c.ts, task_orders.c.order_id)
        if task_id is not None:
            query = query.where(or_(task_orders.c.task_id == task_id, task_orders.c.other == task_id))
        if pending:
            query = query.where(task_orders.c.outcome.is_(None))
        with self.reading() as connection:
            return every(connection, TaskOrder, query)

    def carry_out(self, order_id: str, decide: Callable[[TaskOrder, Standing], Change], epoch: int) -> None:
        """Decide an order and write what follows, all or nothing; one that has ended is left as it is."""
        with self.writing(epoch) as connection:
            mine = task_orders.c.order_id == order_id
            order = first(connection, TaskOrder, select(task_orders).where(mine))
            if order is None:
                raise NotFound(f"There is no order {order_id!r}.")
            if order.outcome is not None:
                return
            under_way = rollouts.c.state.not_in([state.value for state in ENDED])
            standing = Standing(
                tasks=tuple(every(connection, Task, select(tasks))),
                versions=tuple(every(connection, TaskVersion, select(task_versions))),
                rollouts=tuple(every(connection, Rollout, select(rollouts).where(under_way))),
                jobs=tuple(every(connection, Job, select(jobs).where(jobs.c.state.in_(_OPEN)))),
            )
            change = decide(order, standing)
            for task in change.tasks:
                write_task(connection, task)
            for version in change.versions:
                write_version(connection, version)
            for version in change.gone:
                key = (task_versions.c.task_id == version.task_id) & (
                    task_versions.c.version == version.version
                )
                connection.execute(delete(task_versions).where(key))
            ended = replace(order, outcome=change.outcome, other=change.other or order.other)
            connection.execute(update(task_orders).where(mine).values(values(ended)))
