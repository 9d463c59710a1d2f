"""What an operator may do with tasks: rename, merge, split, ignore (`docs/operations.md`)."""

from stillhouse.lineage.keeper import Keeper
from stillhouse.lineage.verbs import VERBS

__all__ = ["VERBS", "Keeper"]
