"""Tasks and their versions."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class TaskMode(StrEnum):
    """How far Stillhouse may go by itself with a task."""

    AUTO = "auto"
    APPROVE = "approve"
    OBSERVE = "observe"


@dataclass(frozen=True, kw_only=True, slots=True)
class Task:
    """One recurring kind of call. Its id is its lineage: versions, alpha and trials belong to it."""

    task_id: str  # slug, unique: the explicit name, or one made from the instructions
    tenant: str = ""
    name: str  # what a person reads
    explicit: bool = False  # only calls that name it belong to it
    called: tuple[str, ...] = ()  # names that apps give it
    settings_of: tuple[str, ...] = ()  # names of the task that it was split from
    mode: TaskMode = TaskMode.APPROVE
    created: float = 0.0
    trials: int = 0  # k of the statistics; only ever grows
    last_version: int = 0  # the greatest number of a version that went to another task
    ignored: bool = False  # by an operator
    merged_into: str = ""  # id of the task that has its versions now

    @property
    def names(self) -> tuple[str, ...]:
        """Names under which settings may speak of it, nearest first: its id, what apps call it, its parent's."""
        return (self.task_id, *self.called, *self.settings_of)

    @property
    def left_alone(self) -> bool:
        """Whether it is neither scored, distilled nor listed."""
        return self.ignored or bool(self.merged_into)


@dataclass(frozen=True, kw_only=True, slots=True)
class TaskVersion:
    """One wording of a task. Several fingerprints may map to it."""

    task_id: str
    version: int
    head_hash: str  # hash of the constant part of the prompt (store/log prompts.hash)
    created: float = 0.0
    fingerprints: tuple[str, ...] = ()
    moved_from: str = ""  # `<task>@<version>` under which it was known before a merge or a split
