"""The house on one page. Knows no HTTP and no terminal."""

from __future__ import annotations

import time
from typing import Any

from stillhouse import __version__, auditor
from stillhouse.views import lineage
from stillhouse.views.plain import plain
from stillhouse.views.stores import Stores
from stillhouse.views.tasks import HOUR, tasks
from store.vocabulary import JobState

DECISIONS = 12


def status(stores: Stores) -> dict[str, Any]:
    """Give what is going on: figures, tasks, work, last decisions."""
    totals = stores.log.totals()
    now, names = time.time(), lineage.names(stores)
    return {
        "version": __version__,
        "data": str(stores.folder.root),
        "base_url": base_url(stores),
        "running": stores.live,
        "students_stopped": stores.folder.stop_file.exists(),
        "calls": totals.calls,
        "totals": plain(totals),
        "spent_usd": totals.cost_usd,
        "last_hour": _last_hour(stores, now),
        "tasks": tasks(stores),
        "left_alone": lineage.aside(stores),
        "jobs": [
            {**plain(job), "name": names.get(job.task_id)}
            for job in stores.control.jobs()
            if job.state is JobState.RUNNING
        ],
        "decisions": decisions(stores, DECISIONS),
        "journal_bytes": journal_bytes(stores),
        "ledger": plain(auditor.ledger(stores.folder.run)),
        "disk_bytes": stores.log.bytes_on_disk(),
    }


def decisions(stores: Stores, limit: int) -> list[dict[str, Any]]:
    """Give the last transitions, newest first, without their inputs."""
    rows, names = stores.control.transitions()[-limit:], lineage.names(stores)
    shown = [{**plain(row), "name": names.get(row.task_id)} for row in reversed(rows)]
    return [{k: v for k, v in row.items() if k != "inputs"} for row in shown]


def base_url(stores: Stores) -> str | None:
    """Give what an app sets, or None while nothing listens."""
    file = stores.folder.run / "gateway.url"
    return f"{file.read_text('utf-8').strip()}/v1" if file.exists() else None


def journal_bytes(stores: Stores) -> int:
    """Bytes of the journal's segments, in the log or not."""
    return sum(file.stat().st_size for file in stores.folder.journal.glob("*.seg"))


def _last_hour(stores: Stores, now: float) -> dict[str, Any]:
    rows = stores.log.by_task(now - HOUR)
    calls, by_students = sum(row.calls for row in rows), sum(row.student_served for row in rows)
    return {
        "calls": calls,
        "student_share": by_students / calls if calls else None,
        "failed": sum(row.failed for row in rows),
        "fallbacks": sum(row.fallbacks for row in rows),
        "deferred": sum(row.deferred for row in rows),
        "cost_usd": sum(row.cost_usd for row in rows),
    }
