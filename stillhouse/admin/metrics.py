"""The whole house in Prometheus' text format, for control's `/metrics`. Knows no equation and no worker's own.

A worker's `/metrics` tells what it does; these are the ledger's sums and what the routes give to students.
"""

from __future__ import annotations

from gateway.metrics import Counter
from stillhouse import auditor
from stillhouse.admin import rollouts
from stillhouse.ledger import Ledger
from stillhouse.views.stores import Stores
from store.journal.counts import KINDS, Counts


def render(stores: Stores) -> bytes:
    """Give the text of `/metrics`."""
    found = auditor.ledger(stores.folder.run)
    metrics = [*(_of(found) if found is not None else ()), _shares(stores), *rollouts.metrics(stores)]
    return ("\n".join(line for metric in metrics for line in metric.lines()) + "\n").encode()


def _of(ledger: Ledger) -> list[Counter]:
    return [
        _kinds("stillhouse_records_kept_total", "Records in the journal, or loaded from it.", ledger.kept),
        _kinds("stillhouse_records_lost_total", "Records that nobody kept.", ledger.lost),
        _kinds("stillhouse_records_loaded_total", "Records in the log.", ledger.loaded),
        _one(
            "stillhouse_records_set_aside_total", "Records that do not fit the log, and damage.", ledger.aside
        ),
        _one("stillhouse_exchanges_in_flight", "Exchanges whose outcome is still to come.", ledger.in_flight),
        _one("stillhouse_journal_unsynced_bytes", "Bytes that wait for a disk.", ledger.unsynced),
        _one("stillhouse_backlog_records", "Records that are not in the log yet.", ledger.backlog.records),
        _one("stillhouse_backlog_bytes", "Bytes that are not in the log yet.", ledger.backlog.bytes),
        _one("stillhouse_lag_seconds", "Age of the oldest record not in the log.", ledger.backlog.lag_s),
        _one(
            "stillhouse_unaccounted_records",
            "Records and exchanges of which nobody knows what became.",
            sum(one.records for one in ledger.unaccounted),
        ),
        _one("stillhouse_ledger_time_seconds", "When the ledger was drawn up.", ledger.ts),
    ]


def _kinds(name: str, text: str, counts: Counts) -> Counter:
    metric = Counter(name=name, text=text, labels=("kind",))
    for kind in KINDS:
        metric.put(float(getattr(counts, kind)), kind)
    return metric


def _one(name: str, text: str, value: float) -> Counter:
    metric = Counter(name=name, text=text, kind="counter" if name.endswith("_total") else "gauge")
    metric.put(value)
    return metric


def _shares(stores: Stores) -> Counter:
    metric = Counter(
        name="stillhouse_student_share",
        text="Part of a task's calls that its route gives to the student.",
        labels=("task", "step"),
        kind="gauge",
    )
    for route in stores.control.routes():
        metric.put(route.share, route.task_id, str(route.step))
    return metric
