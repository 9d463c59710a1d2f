"""The whole tree of settings. Knows no file, no environment and no process.

A field that is None where a room has a default of its own means that default: it is written down once, there.
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

from pydantic import Field

from stillhouse.settings.calls import ANTHROPIC, OPENAI, ClientKey, Control, Gateway, Upstream
from stillhouse.settings.kinds import Branch
from stillhouse.settings.learning import Distiller, Student
from stillhouse.settings.policy import Policy
from stillhouse.settings.upkeep import Journal, Log, Notices, Price, Retention
from store.vocabulary import Task


class Settings(Branch):
    """The whole tree. With nothing set: OpenAI and Anthropic with the caller's own key, ./stillhouse-data, loopback."""

    data: Path = Path("stillhouse-data")
    upstreams: Annotated[tuple[Upstream, ...], Field(min_length=1)] = (OPENAI, ANTHROPIC)
    client_keys: tuple[ClientKey, ...] = ()
    gateway: Gateway = Gateway()
    control: Control = Control()
    student: Student = Student()
    distiller: Distiller = Distiller()
    policy: Policy = Policy()
    tasks: dict[str, Policy] = Field(default_factory=dict)
    prices: dict[str, Price] = Field(default_factory=dict)  # by the model's name, as it is sent
    notices: Notices = Notices()
    retention: Retention = Retention()
    journal: Journal = Journal()
    log: Log = Log()
    source: Path | None = Field(default=None, repr=False)  # the file they came from, for the doctor

    def task_policy(self, task: Task) -> Policy:
        """Give the policy of one task: its own keys, laid over those for all tasks."""
        return self.policy.under(self.own_policy(task))

    def own_policy(self, task: Task) -> Policy:
        """Give the keys under the nearest of a task's names."""
        return next((self.tasks[name] for name in task.names if name in self.tasks), Policy())
