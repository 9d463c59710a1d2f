"""What a worker says of itself in a small file beside its pid file. Knows no route."""

from __future__ import annotations

import json
import os
from dataclasses import asdict, dataclass
from pathlib import Path

from stillhouse.processes.child import write_atomic


@dataclass(frozen=True, kw_only=True, slots=True)
class WorkerState:
    """As the worker last wrote it."""

    name: str
    pid: int
    stopped: bool  # does it see STOP?


def say(run: Path, state: WorkerState) -> None:
    """Write the file, atomically."""
    write_atomic(run / f"{state.name}.json", json.dumps(asdict(state)))


def workers(run: Path) -> list[WorkerState]:
    """Give the states of the workers that live."""
    found = []
    for file in sorted(run.glob("worker-*.json")):
        try:
            state = WorkerState(**json.loads(file.read_text("utf-8")))
        except (OSError, ValueError, TypeError):
            continue  # just being replaced, or of another version
        if _lives(state.pid):
            found.append(state)
    return found


def _lives(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True
