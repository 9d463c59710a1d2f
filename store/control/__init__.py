"""The control state: small, transactional, read by every gateway. Knows no rule of the router's."""

from store.control.control import Control
from store.control.erasures import Copy, Erasure
from store.control.lineage import Change, Standing, TaskOrder
from store.control.orders import Order
from store.control.outbox import Announced, Reader

__all__ = ["Announced", "Change", "Control", "Copy", "Erasure", "Order", "Reader", "Standing", "TaskOrder"]
