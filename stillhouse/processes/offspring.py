"""Pid files of the processes that control started, by what they run. Knows nothing of their work."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path

import psutil

from stillhouse.processes.child import write_atomic

SCORER = "distiller.scoring.process"
TRAINING = "distiller.training.child"


def name(run: Path) -> None:
    """Write `scorer.pid` and `training-<job>.pid` for those that live, and take away those that do not."""
    living = {name: process.pid for process in psutil.Process().children() if (name := _name(process))}
    with suppress(OSError):  # a full disk stops no process
        for file in (*run.glob("scorer.pid"), *run.glob("training-*.pid")):
            if file.stem not in living:
                file.unlink(missing_ok=True)
        for stem, pid in living.items():
            file = run / f"{stem}.pid"
            if not file.exists() or file.read_text("utf-8") != str(pid):
                write_atomic(file, str(pid))


def _name(process: psutil.Process) -> str | None:
    try:
        line = process.cmdline()
    except psutil.Error:
        return None  # it has just ended
    if SCORER in line:
        return "scorer"
    if TRAINING in line and (place := line.index(TRAINING)) + 1 < len(line):
        return f"training-{Path(line[place + 1]).name}"
    return None
