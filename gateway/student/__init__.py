"""Students answer calls, and are asked beside teachers. Knows no share and no teacher's credential."""

from gateway.student.asking import exchange_for
from gateway.student.desk import StudentDesk, left

__all__ = ["StudentDesk", "exchange_for", "left"]
