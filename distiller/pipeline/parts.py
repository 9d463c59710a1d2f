"""What every phase of a job is given. Knows no phase."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from distiller.scoring.shapes import Shapes
from distiller.scoring.spec import Scorer
from distiller.settings import DistillerSettings, Policies, TaskPolicy
from store.artifacts import Artifacts
from store.vocabulary import Evaluation, Student

if TYPE_CHECKING:
    from store.control import Control
    from store.log import Log

TRAINING_CHILD = (sys.executable, "-m", "distiller.training.child")


class OnStudent(Protocol):
    """Told of an evaluated student: whoever cuts traffic over decides what becomes of it."""

    def __call__(self, student: Student, evaluation: Evaluation) -> str | None:
        """Begin a rollout, or return why there is none, as one sentence. May be told of one student twice."""
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
    training_child: tuple[str, ...] = TRAINING_CHILD
    now: Callable[[], float] = time.time

    def policy(self, task_id: str) -> TaskPolicy:
        """Return the policy of a task."""
        return self.policies.of(self.control.task(task_id))
