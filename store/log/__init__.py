"""The log of calls on DuckDB. Knows no journal, no router and no task: it answers questions about calls."""

from store.log.log import Log
from store.log.views import (
    AttemptDetail,
    CallDetail,
    CallFilter,
    CallRow,
    FingerprintSeen,
    Removed,
    Retention,
    TaskCounts,
    TaskTraffic,
    Totals,
)

__all__ = [
    "AttemptDetail",
    "CallDetail",
    "CallFilter",
    "CallRow",
    "FingerprintSeen",
    "Log",
    "Removed",
    "Retention",
    "TaskCounts",
    "TaskTraffic",
    "Totals",
]
