"""Chooses examples: DSPy's BootstrapFewShot over the log, and the student itself to compare what it chose.

The teacher is the log, so no model is asked for an example. Knows no weights and no server.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Callable
from dataclasses import asdict, dataclass
from typing import Any

import dspy
from dspy.teleprompt import Teleprompter

from distiller.programs.measure import Measure
from distiller.programs.replay import ReplayLM
from distiller.programs.slices import Room, varied
from distiller.programs.verdict import passed
from distiller.programs.wire import Wire

SIZES = (2, 4, 8)  # examples of a candidate
ORDERS = 2  # candidates of each size
_log = logging.getLogger("distiller.programs")


@dataclass(frozen=True, kw_only=True, slots=True)
class Candidate:
    """One set of examples and its mean score on the validation rows."""

    examples: int
    score: float
    program: Any


class FewShot(Teleprompter):  # type: ignore[misc]
    """Searches over sizes and orders. The student as it is and one without examples are candidates, and win a tie."""

    def __init__(
        self, measure: Measure, wire: Wire, room: Room, *, seed: int, tell: Callable[[int, int], None]
    ) -> None:
        super().__init__()
        self._measure = measure
        self._wire = wire
        self._room = room
        self._seed = seed
        self._tell = tell
        self.found: list[Candidate] = []  # of the last search, best first

    def compile(self, student: Any, *, trainset: list[Any], teacher: Any = None, valset: list[Any]) -> Any:  # noqa: ARG002
        """Return a copy of `student` with the best examples; `teacher` is always the log."""
        programs = self._candidates(student, trainset)
        found: list[Candidate] = []
        for done, program in enumerate(programs):
            self._tell(done, len(programs))
            score = self._measure.mean(program, valset)
            found.append(Candidate(examples=len(program.demos), score=score, program=program))
            _log.info("%d examples: %.3f on %d rows", len(program.demos), score, len(valset))
        self._tell(len(programs), len(programs))
        self.found = sorted(found, key=lambda one: -one.score)
        return self.found[0].program

    def _candidates(self, student: Any, trainset: list[Any]) -> list[Any]:
        """Return a program for each set of examples that fits, each set once: the student, none, few, more."""
        plain = student.reset_copy()
        plain.set_lm(student.lm)
        programs = {self._key(student): student, self._key(plain): plain}
        for size in SIZES:
            for turn in range(ORDERS):
                program = self._bootstrap(student, varied(trainset, self._seed + turn), size)
                programs.setdefault(self._key(program), program)
        return list(programs.values())

    def _bootstrap(self, student: Any, trainset: list[Any], size: int) -> Any:
        bootstrap = dspy.BootstrapFewShot(metric=passed, max_bootstrapped_demos=size, max_labeled_demos=0)
        teacher = student.reset_copy()
        teacher.set_lm(ReplayLM())
        program = bootstrap.compile(student, teacher=teacher, trainset=trainset)
        program.set_lm(student.lm)  # DSPy's copy has none
        while program.demos and not self._room.fits(self._wire.read(program)):
            program.demos = program.demos[:-1]
        return program

    def _key(self, program: Any) -> str:
        return json.dumps(asdict(self._wire.read(program)), sort_keys=True)
