"""The control state as one object. Knows no more than its tables do."""

from __future__ import annotations

import os
from pathlib import Path

from store.control.erasures import ErasureTables
from store.control.jobs import JobTable
from store.control.leader import LeaderTable
from store.control.learning import LearningTables
from store.control.lineage import LineageTables
from store.control.orders import OrderTable
from store.control.outbox import OutboxTable
from store.control.rollouts import RolloutTables
from store.control.servers import ServerTable
from store.control.tasks import TaskTables
from store.control.templates import TemplateTable
from store.control.watches import WatchTable


class Control(
    LeaderTable,
    TaskTables,
    TemplateTable,
    LearningTables,
    RolloutTables,
    WatchTable,
    OrderTable,
    OutboxTable,
    LineageTables,
    JobTable,
    ServerTable,
    ErasureTables,
):
    """The control state. Thread-safe; any number of processes may read, the leader writes.

    Every write raises StaleEpoch when a later leader exists, and then leaves nothing behind.
    """

    @classmethod
    def open(cls, path: str | os.PathLike[str]) -> Control:
        """Open the file, making it or bringing its schema up to date where needed.

        Raises SchemaTooNew for a file of a later version, StoreError for one that cannot be used.
        """
        control = cls(Path(path).absolute())
        try:
            control.migrate()
        except BaseException:
            control.close()
            raise
        return control
