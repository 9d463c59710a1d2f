"""An operator's wishes. Knows no verb's meaning."""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy import insert, select, update

from store.control.database import Database
from store.control.rows import every, values
from store.control.schema import orders
from store.errors import NotFound


@dataclass(frozen=True, kw_only=True, slots=True)
class Order:
    """What an operator asked of a rollout; the controller obeys or says why not."""

    order_id: str
    rollout_id: str
    verb: str  # approve | pause | resume | abort | force | ...
    actor: str
    reason: str
    ts: float  # Unix seconds
    slice: str = ""  # what `exclude` and `include` are about
    outcome: str | None = None  # one sentence; None while pending


class OrderTable(Database):
    """Orders, first come first served."""

    def order(self, order: Order) -> None:
        """Write an order (the admin API does; no epoch)."""
        with self.writing(None) as connection:
            connection.execute(insert(orders).values(values(order)))

    def orders(self, pending: bool = True) -> list[Order]:  # noqa: FBT001, FBT002
        """Return orders, oldest first; all of them where `pending` is false."""
        query = select(orders).order_by(orders.c.ts, orders.c.order_id)
        if pending:
            query = query.where(orders.c.outcome.is_(None))
        with self.reading() as connection:
            return every(connection, Order, query)

    def finish_order(self, order_id: str, outcome: str, epoch: int) -> None:
        """Say what became of an order."""
        with self.writing(epoch) as connection:
            done = connection.execute(
                update(orders).where(orders.c.order_id == order_id).values(outcome=outcome)
            )
            if done.rowcount == 0:
                raise NotFound(f"There is no order {order_id!r}.")
