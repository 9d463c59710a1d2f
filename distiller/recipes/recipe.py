"""What every rung of the ladder is. Knows no rung."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from distiller.recipes.case import Case
from store.vocabulary import Engine


class Unfit(Protocol):
    """Says why a recipe cannot make a student of a task, None where it can."""

    def __call__(self, case: Case) -> str | None:
        """Return one clause, such as "the answers are no closed set"."""


class Write(Protocol):
    """Writes what the recipe's child is told."""

    def __call__(self, case: Case) -> object:
        """Write `spec.json` into the case's folder. Called once for a job: a job keeps what it was begun with."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Recipe:
    """One rung.

    Its child runs as `python -m CHILD FOLDER` (`docs/child-protocol.md`) and leaves `result.json` and `out/` with
    what the engine loads, `program.json`, and `heldout_outputs.jsonl` where it can answer by itself.
    """

    name: str
    child: str  # module
    engine: Engine
    unfit: Unfit
    write: Write
    together: bool = False  # whether tasks that are trained together make one student of it
