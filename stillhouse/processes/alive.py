"""What a worker, or control, says of itself in a small file beside its pid file. Knows no route."""

from __future__ import annotations

import json
import logging
import os
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass, replace
from pathlib import Path

from stillhouse.processes.child import write_atomic

logger = logging.getLogger(__name__)
COUNT_S = 1.0


@dataclass(frozen=True, kw_only=True, slots=True)
class WorkerState:
    """As the process last wrote it."""

    name: str
    pid: int
    stopped: bool = False  # does it see STOP?
    lost: int = 0  # records that were not journalled, by it and those of its name before


class Voice:
    """Keeps the file of one process true. What was lost is added to what earlier ones of its name lost."""

    def __init__(self, run: Path, name: str, clock: Callable[[], float] = time.monotonic) -> None:
        self._run = run
        self._name = name
        self._clock = clock
        self._before = lost_of(run, name)
        self._said: WorkerState | None = None
        self._said_at = 0.0
        self._complained = False

    def say(self, *, stopped: bool = False, lost: int = 0, last: bool = False) -> None:
        """Write the file where something changed; a mere count at most once a second, unless it is the last word."""
        state = WorkerState(name=self._name, pid=os.getpid(), stopped=stopped, lost=self._before + lost)
        said = self._said
        if state == said:
            return
        counted = said is not None and replace(said, lost=state.lost) == state
        if counted and not last and self._clock() - self._said_at < COUNT_S:
            return
        try:
            write_atomic(self._run / f"{self._name}.json", json.dumps(asdict(state)))
        except OSError as error:
            if not self._complained:
                logger.warning("%s.json cannot be written: %s", self._run / self._name, error.strerror)
            self._complained = True
            return
        self._said, self._said_at, self._complained = state, self._clock(), False


def workers(run: Path) -> list[WorkerState]:
    """Give the states of the workers that live."""
    states = (_read(file) for file in sorted(run.glob("worker-*.json")))
    return [state for state in states if state is not None and _lives(state.pid)]


def lost_of(run: Path, name: str) -> int:
    """Give the count that the last process of that name left."""
    state = _read(run / f"{name}.json")
    return state.lost if state is not None else 0


def lost(run: Path) -> int:
    """Give how many records were not journalled, by all processes that ever said so."""
    files = (*run.glob("worker-*.json"), run / "control.json")
    return sum(lost_of(run, file.stem) for file in files)


def _read(file: Path) -> WorkerState | None:
    try:
        return WorkerState(**json.loads(file.read_text("utf-8")))
    except (OSError, ValueError, TypeError):
        return None  # not there, just being replaced, or of another version


def _lives(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True
