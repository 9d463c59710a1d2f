"""The control state: small, transactional, read by every gateway. Knows no rule of the router's."""

from store.control.control import Control
from store.control.erasures import Copy, Erasure
from store.control.orders import Order

__all__ = ["Control", "Copy", "Erasure", "Order"]
