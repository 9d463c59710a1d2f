"""What every phase of a job is given. Knows no phase."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from distiller.recipes import Access
from distiller.scoring.shapes import Shapes
from distiller.scoring.spec import Scorer
from distiller.settings import DistillerSettings, Policies, TaskPolicy
from store.artifacts import Artifacts
from store.vocabulary import Evaluation, Student

if TYPE_CHECKING:
    from store.control import Control
    from store.log import Log


def python(module: str) -> tuple[str, ...]:
    """Return the command of a child."""
    return (sys.executable, "-m", module)


class OnStudent(Protocol):
    """Told of an evaluated student: whoever cuts traffic over decides what becomes of it."""

    def __call__(self, student: Student, evaluation: Evaluation) -> str | None:
        """Begin a rollout, or return why there is none, as one sentence. May be told of one student twice."""
        ...


class OpenAccess(Protocol):
    """Opens a way to models for one job, with a budget of its own."""

    def __call__(self, name: str, usd: float) -> AbstractContextManager[Access]:
        """Give it for as long as the context lasts; `usd` are US dollars."""
        ...


@dataclass(frozen=True, kw_only=True, slots=True)
class Parts:
    """Everything outside that a job touches."""

    log: Log
    control: Control
    artifacts: Artifacts
    jobs: Path  # folder of the jobs' working folders
    epoch: int
    shapes: Shapes
    scorer: Scorer
    on_student: OnStudent
    settings: DistillerSettings = field(default_factory=DistillerSettings)
    policies: Policies = field(default_factory=Policies)
    child: Callable[[str], tuple[str, ...]] = python  # the command of a module
    access: OpenAccess | None = None  # None: no upstream key for background work
    now: Callable[[], float] = time.time

    def policy(self, task_id: str) -> TaskPolicy:
        """Return the policy of a task."""
        return self.policies.of(self.control.task(task_id))
