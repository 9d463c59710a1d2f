"""What a worker, or control, says of itself in a small file beside its pid file. Knows no route and no sum."""

from __future__ import annotations

import logging
import os
import time
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path

import msgspec

from stillhouse.processes.child import write_atomic
from store.journal.counts import Counts

logger = logging.getLogger(__name__)
COUNT_S = 1.0
CONTROL = "control"


@dataclass(frozen=True, kw_only=True, slots=True)
class Figures:
    """What one process sent and what its journal was asked to keep, since it started: one moment of its event loop."""

    writer: str = ""  # its writer instance, "" before there was one
    sent: int = 0  # exchanges of which a request went out
    unsent: int = 0  # attempts recorded though nothing was sent
    in_flight: int = 0  # exchanges whose outcome is still to come
    asked: Counts = field(default_factory=Counts)
    kept: Counts = field(default_factory=Counts)
    lost: Counts = field(default_factory=Counts)
    unsynced: int = 0  # bytes that wait for the disk


@dataclass(frozen=True, kw_only=True, slots=True)
class WorkerState:
    """As the process last wrote it."""

    name: str
    pid: int
    stopped: bool = False  # does it see STOP?
    lost: int = 0  # records that were not journalled, by it and those of its name before
    figures: Figures = Figures()


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

    def say(self, figures: Figures, *, stopped: bool = False, last: bool = False) -> None:
        """Write the file where something changed; a mere count at most once a second, unless it is the last word."""
        lost = self._before + figures.lost.total
        state = WorkerState(name=self._name, pid=os.getpid(), stopped=stopped, lost=lost, figures=figures)
        said = self._said
        if state == said:
            return
        counted = said is not None and replace(said, lost=lost, figures=figures) == state
        if counted and not last and self._clock() - self._said_at < COUNT_S:
            return
        try:
            write_atomic(self._run / f"{self._name}.json", msgspec.json.encode(state).decode())
        except OSError as error:
            if not self._complained:
                logger.warning("%s.json cannot be written: %s", self._run / self._name, error.strerror)
            self._complained = True
            return
        self._said, self._said_at, self._complained = state, self._clock(), False


def workers(run: Path) -> list[WorkerState]:
    """Give the states of the workers that live."""
    return [state for state in living(run) if state.name != CONTROL]


def living(run: Path) -> list[WorkerState]:
    """Give what the processes that journal and live said last, control included."""
    return [state for state in everyone(run) if _lives(state.pid)]


def everyone(run: Path) -> list[WorkerState]:
    """Give what each process that journals said last, those that ended included."""
    files = (*sorted(run.glob("worker-*.json")), run / f"{CONTROL}.json")
    return [state for file in files if (state := _read(file)) is not None]


def lost_of(run: Path, name: str) -> int:
    """Give the count that the last process of that name left."""
    state = _read(run / f"{name}.json")
    return state.lost if state is not None else 0


def lost(run: Path) -> int:
    """Give how many records were not journalled, by all processes that ever said so."""
    return sum(state.lost for state in everyone(run))


def _read(file: Path) -> WorkerState | None:
    try:
        return msgspec.json.decode(file.read_bytes(), type=WorkerState)
    except (OSError, msgspec.MsgspecError):
        return None  # not there, just being replaced, or of another version


def _lives(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True
