"""Prompt, weights, prompt again: DSPy's BetterTogether. Knows no torch: the provider of the student's model trains.

BetterTogether logs what a step raises and goes on with what it has; here a step that failed fails the whole.
"""

from __future__ import annotations

from typing import Any

import dspy
from dspy.teleprompt import Teleprompter

from distiller.programs.bootstrap import metric_of, optimizer
from distiller.programs.measure import Measure
from distiller.programs.replay import ReplayLM
from distiller.programs.slices import Slices
from distiller.programs.teaching import Teaching
from distiller.training.errors import TrainingError

STRATEGY = "p -> w -> p"


class Kept(Teleprompter):  # type: ignore[misc]
    """A step that keeps what it raised, for whoever runs it to raise again."""

    def __init__(self, step: Teleprompter) -> None:
        super().__init__()
        self._step = step
        self.error: Exception | None = None

    def compile(self, student: Any, *, trainset: list[Any], valset: list[Any]) -> Any:
        """Return what the step returns. Raises what it raises."""
        try:
            return self._step.compile(student, trainset=trainset, valset=valset)
        except Exception as error:
            self.error = error
            raise


class Finetune(Teleprompter):  # type: ignore[misc]
    """BootstrapFinetune with the log as the teacher of exactly this student: its rows carry the student's own prompt."""

    def __init__(self, adapter: Any, teaching: Teaching) -> None:
        super().__init__()
        self._adapter = adapter
        self._teaching = teaching

    def compile(self, student: Any, *, trainset: list[Any], valset: list[Any]) -> Any:  # noqa: ARG002
        """Return the student with the tuned model in place of its own."""
        teacher = student.deepcopy()
        teacher.set_lm(ReplayLM())
        metric = metric_of(self._teaching)
        try:  # the spec of the training has the task's train_kwargs already
            return optimizer(self._teaching, metric, self._adapter, {}).compile(
                student, trainset=trainset, teacher=teacher
            )
        except Exception:
            metric.check()
            raise


def better_together(
    student: Any, sliced: Slices, prompt: Teleprompter, weights: Teleprompter, measure: Measure, *, threads: int
) -> Any:  # fmt: skip
    """Return the best program of all steps, `candidate_programs` on it. Raises what a step raised."""
    steps = {"p": Kept(prompt), "w": Kept(weights)}
    together = dspy.BetterTogether(metric=measure.score, **steps)
    best = together.compile(
        student,
        trainset=sliced.learn,
        valset=sliced.validate,
        num_threads=threads,
        max_errors=len(sliced.validate) + 1,
        shuffle_trainset_between_steps=False,
        strategy=STRATEGY,
    )
    measure.check()
    for step in steps.values():
        if step.error is not None:
            raise step.error
    if best.flag_compilation_error_occurred:
        raise TrainingError("a step of BetterTogether failed; the log of the rung says which")
    return best
