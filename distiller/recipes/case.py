"""What a recipe is told of a task before anything is made. Knows no recipe."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

from distiller.scoring.shape import Shape
from distiller.scoring.spec import MetricSpec
from distiller.settings import DistillerSettings, TaskPolicy
from distiller.trainset import read_rows
from store.prompt import head_hash
from store.vocabulary import Program

_NO_HEAD = head_hash({})
_CONSTANT = 0.9  # share of rows with one head, from which it counts as constant


@dataclass(frozen=True, kw_only=True, slots=True)
class Access:
    """Where a job's own calls of models go, with its budget: control's loopback, never an upstream itself."""

    base_url: str
    service_url: str = ""  # of its passage to a training service
    token: str = field(repr=False)  # handed to a child in its environment, never written


@dataclass(frozen=True, kw_only=True)
class Case:
    """One task at one rung. Paths are absolute."""

    task_id: str
    shape: Shape
    metric: MetricSpec
    policy: TaskPolicy
    settings: DistillerSettings
    trainset: Path  # folder with train.jsonl, heldout.jsonl, card.json
    beside: tuple[Path, ...] = ()  # the same of its companions, where it is trained with them
    base: Path  # folder of the prepared base model, made when first needed
    folder: Path  # the rung's own, inside the job's
    program: Program = field(
        default_factory=Program
    )  # the best of the rungs below: rewritten instructions, examples
    demo_calls: tuple[str, ...] = ()  # ids of the calls whose words it repeats, or may
    background: bool = False  # whether an upstream key is configured for work that no app asked for
    access: Access | None = None  # while the rung is made, where there is such a key

    @cached_property
    def rows(self) -> list[dict[str, Any]]:
        """The train rows that may be learnt, as they stand in the file."""
        return [row for row in read_rows(self.trainset / "train.jsonl") if row["passed"]]

    @cached_property
    def constant_head(self) -> str | None:
        """The hash of the head that nearly all rows share, None where instructions vary or there are none."""
        return constant_head([row["request"] for row in self.rows])


def constant_head(requests: Sequence[Mapping[str, Any]]) -> str | None:
    """Return the hash of the head that nearly all requests share, None where they share none."""
    heads = Counter(head_hash(request) for request in requests)
    head, count = heads.most_common(1)[0] if heads else ("", 0)
    return head if head and head != _NO_HEAD and count >= _CONSTANT * len(requests) else None
