"""Which calls are exported, and where to: the same with control running and without. Knows no format."""

from __future__ import annotations

import time
from pathlib import Path

from stillhouse.errors import Missing, Refused
from stillhouse.views import calls
from stillhouse.views.stores import Stores
from store.control import Copy
from store.ids import new_id


def export(stores: Stores, path: Path, task: str | None, to: Path | None) -> int:
    """Write calls into `path`, which the caller keeps at `to`; gives how many. Raises Missing, Refused, OSError.

    Where to is written down: an erasure has to say so.
    """
    if to is not None and stores.folder.owns(to):
        raise Refused(f"{to} is one of Stillhouse's own; name another file.")
    fingerprints = calls.fingerprints_of(stores, task) if task else ()
    if task and not fingerprints:
        raise Missing(f"The task {task!r} has no call yet.")
    if to is not None:
        stores.control.add_copy(Copy(copy_id=new_id(), kind="export", path=str(to), made=time.time()))
    return stores.log.export(path, fingerprints, calls.found_tasks(stores))
