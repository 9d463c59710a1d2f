"""Which rung comes next. Pure: knows no recipe's inside and no job."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from store.vocabulary import Verdict

SKIPPED = "skipped"


@dataclass(frozen=True, kw_only=True, slots=True)
class Rung:
    """What became of one rung: a verdict of its evaluation, or `skipped`, and why."""

    recipe: str
    verdict: str
    why: str
    student_id: str | None = None
    evaluation_id: str | None = None
    lower: float | None = None  # 80% lower bound of student - teacher

    @property
    def passed(self) -> bool:
        """Whether nothing above it need be tried."""
        return self.verdict == Verdict.PASS

    def to_json(self) -> dict[str, Any]:
        """Return it as a job keeps it."""
        return asdict(self)

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Rung:
        """Return it from what a job keeps."""
        return cls(**data)


def following(
    ladder: Sequence[str], climbed: Sequence[Rung], unfit: Callable[[str], str | None]
) -> tuple[str | None, tuple[Rung, ...]]:
    """Return the next rung to try (None: none is left, or one has passed) and those skipped on the way to it.

    A rung is tried once, in the ladder's order, and only where all below it were tried or skipped.
    """
    if any(rung.passed for rung in climbed):
        return None, ()
    done = {rung.recipe for rung in climbed}
    skipped: list[Rung] = []
    for name in ladder:
        if name in done:
            continue
        if (why := unfit(name)) is None:
            return name, tuple(skipped)
        skipped.append(Rung(recipe=name, verdict=SKIPPED, why=why))
    return None, tuple(skipped)


def best(climbed: Sequence[Rung]) -> Rung | None:
    """Return the rung to announce: the one that passed, else the evaluated one with the highest lower bound."""
    made = [rung for rung in climbed if rung.evaluation_id is not None and rung.verdict != Verdict.ERROR]
    return max(made, key=lambda r: (r.passed, r.lower if r.lower is not None else -2.0), default=None)
