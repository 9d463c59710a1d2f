"""The log of calls on DuckDB. Knows no journal, no router and no task: it answers questions about calls."""

from store.log.log import Log
from store.log.views import (
    Account,
    AttemptDetail,
    CallDetail,
    CallFilter,
    CallPage,
    CallRow,
    Erased,
    FingerprintSeen,
    Hit,
    Removed,
    Retention,
    RoleCost,
    Said,
    Subject,
    TaskCounts,
    TaskTraffic,
    Totals,
)

__all__ = [
    "Account",
    "AttemptDetail",
    "CallDetail",
    "CallFilter",
    "CallPage",
    "CallRow",
    "Erased",
    "FingerprintSeen",
    "Hit",
    "Log",
    "Removed",
    "Retention",
    "RoleCost",
    "Said",
    "Subject",
    "TaskCounts",
    "TaskTraffic",
    "Totals",
]
