"""A copy of a running house that another data folder can be made of (`docs/ledger.md`)."""

from stillhouse.backup.make import make
from stillhouse.backup.restore import restore

__all__ = ["make", "restore"]
