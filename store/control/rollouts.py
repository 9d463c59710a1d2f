"""Rollouts with their transitions, observations and routes. Knows no rule of the state machine.

A decision is one transaction: the rollout as it is afterwards, the transition that says why, the route
that follows from it (or none), the observations that it consumed, and the outbox row that announces it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from sqlalchemy import Connection, Table, delete, func, insert, select, update

from store.control.database import Database
from store.control.rows import every, first, upsert, values
from store.control.schema import observations as observation_table
from store.control.schema import outbox, rollouts, routes, tasks
from store.control.schema import transitions as transition_table
from store.errors import NotFound
from store.vocabulary import Observation, Rollout, Route, State, Transition

ENDED = frozenset({State.ROLLED_BACK, State.INCONCLUSIVE, State.REJECTED, State.SUPERSEDED})


@dataclass(frozen=True, kw_only=True, slots=True)
class Decided:
    """Transitions of one task that were alike."""

    task_id: str
    target: State
    cause: str
    times: int


class RolloutTables(Database):
    """Everything that a cutover persists."""

    def rollouts(self, task_id: str | None = None, live: bool = False) -> list[Rollout]:  # noqa: FBT001, FBT002
        """Return rollouts, oldest first; `live`: only those not in a terminal state."""
        query = select(rollouts).order_by(rollouts.c.created, rollouts.c.rollout_id)
        if task_id is not None:
            query = query.where(rollouts.c.task_id == task_id)
        if live:
            query = query.where(rollouts.c.state.not_in([state.value for state in ENDED]))
        with self.reading() as connection:
            return every(connection, Rollout, query)

    def rollout(self, rollout_id: str) -> Rollout | None:
        """Return one rollout."""
        with self.reading() as connection:
            return first(connection, Rollout, select(rollouts).where(rollouts.c.rollout_id == rollout_id))

    def create_rollout(self, rollout: Rollout, epoch: int) -> None:
        """Write a new rollout and count its trial on the task; Conflict where its id is taken."""
        with self.writing(epoch) as connection:
            known = connection.execute(
                select(tasks.c.trials).where(tasks.c.task_id == rollout.task_id)
            ).scalar()
            if known is None:
                raise NotFound(f"There is no task {rollout.task_id!r} to roll out a student for.")
            connection.execute(insert(rollouts).values(values(rollout)))
            _count_trial(connection, rollout)

    def observe(self, rollout: Rollout, observations: Sequence[Observation], epoch: int) -> None:
        """Write evidence and the observations it counts; Conflict where one was counted before."""
        with self.writing(epoch) as connection:
            _save_rollout(connection, rollout)
            _add_observations(connection, observations)

    def transition(
        self,
        rollout: Rollout,
        transition: Transition,
        route: Route | None,
        observations: Sequence[Observation],
        epoch: int,
    ) -> None:
        """Write one decision whole. `route` None removes what this rollout published.

        The trial is counted on its task: voided evidence begins another.
        """
        with self.writing(epoch) as connection:
            _save_rollout(connection, rollout)
            _count_trial(connection, rollout)
            _add_observations(connection, observations)
            record = values(replace(transition, epoch=epoch))
            _append(connection, transition_table, record)
            if route is None:
                connection.execute(delete(routes).where(routes.c.rollout_id == rollout.rollout_id))
            else:
                upsert(connection, routes, values(replace(route, epoch=epoch)))
            _append(
                connection,
                outbox,
                {
                    "ts": transition.ts,
                    "kind": "transition",
                    "ref": transition.transition_id,
                    "payload": {name: value for name, value in record.items() if name != "inputs"},
                    "epoch": epoch,
                },
            )

    def transitions(self, task_id: str | None = None, rollout_id: str | None = None) -> list[Transition]:
        """Return transitions in the order of their writing."""
        query = select(transition_table).order_by(transition_table.c.position)
        if task_id is not None:
            query = query.where(transition_table.c.task_id == task_id)
        if rollout_id is not None:
            query = query.where(transition_table.c.rollout_id == rollout_id)
        with self.reading() as connection:
            return every(connection, Transition, query)

    def decided(self) -> list[Decided]:
        """Return how often each task's rollouts went to each state for each cause."""
        columns = (transition_table.c.task_id, transition_table.c.target, transition_table.c.cause)
        query = select(*columns, func.count().label("times")).group_by(*columns).order_by(*columns)
        with self.reading() as connection:
            return every(connection, Decided, query)

    def observations(self, rollout_id: str) -> list[Observation]:
        """Return a rollout's observations, by log sequence."""
        query = select(observation_table).where(observation_table.c.rollout_id == rollout_id)
        with self.reading() as connection:
            return every(
                connection, Observation, query.order_by(observation_table.c.seq, observation_table.c.stream)
            )

    def routes(self) -> list[Route]:
        """Return what is published."""
        with self.reading() as connection:
            return every(connection, Route, select(routes).order_by(routes.c.task_id, routes.c.task_version))

    def save_route(self, route: Route, epoch: int) -> None:
        """Publish a route outside a transition (its student moved, for example)."""
        with self.writing(epoch) as connection:
            upsert(connection, routes, values(replace(route, epoch=epoch)))


def _save_rollout(connection: Connection, rollout: Rollout) -> None:
    if (
        connection.execute(
            update(rollouts).where(rollouts.c.rollout_id == rollout.rollout_id).values(values(rollout))
        ).rowcount
        == 0
    ):
        raise NotFound(f"There is no rollout {rollout.rollout_id!r}.")


def _count_trial(connection: Connection, rollout: Rollout) -> None:
    connection.execute(
        update(tasks)
        .where(tasks.c.task_id == rollout.task_id, tasks.c.trials < rollout.trial)
        .values(trials=rollout.trial)
    )


def _add_observations(connection: Connection, found: Sequence[Observation]) -> None:
    if found:
        connection.execute(insert(observation_table), [values(observation) for observation in found])


def _append(connection: Connection, table: Table, row: dict[str, object]) -> None:
    """Insert a row at the next position; the write transaction makes this the only writer."""
    last = connection.execute(select(func.max(table.c.position))).scalar() or 0
    connection.execute(insert(table).values(position=last + 1, **row))
