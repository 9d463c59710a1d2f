"""Rewrites instructions: DSPy's GEPA, with the student's own mistakes and a configured model that reflects on them.

Knows no price: the token of that model has a budget, and what was found by the time it is spent is what there is.
"""

from __future__ import annotations

import logging
from typing import Any

import dspy
from dspy.teleprompt import Teleprompter
from dspy.teleprompt.gepa.instruction_proposal import InstructionProposer

from distiller.programs.measure import Measure, shown
from distiller.programs.watch import Watch
from distiller.scoring import message as read
from distiller.scoring.about import about
from distiller.training.errors import TrainingError
from store.prompt import leading

ROUNDS = 6  # times the validation rows, of answers in one search
_BATCH = 8  # mistakes that one rewriting is shown
_ADVICE = (
    "The assistant is a very small language model. Write short, plain, direct instructions: what to answer, "
    "in which form, and the cases that it gets wrong. At most 200 words. Give only the instructions."
)
_log = logging.getLogger("distiller.programs")


class Instructions(Teleprompter):  # type: ignore[misc]
    """Searches for instructions under which the student scores better; it has none of its own to begin with."""

    def __init__(self, measure: Measure, reflector: Any, *, seed: int, threads: int, watch: Watch) -> None:
        super().__init__()
        self._measure = measure
        self._reflector = reflector
        self._seed = seed
        self._threads = threads
        self._watch = watch
        self.asked = 0  # rewritings, of the last search
        self.shown: set[str] = set()  # ids of the calls that the model which rewrites was shown

    def compile(self, student: Any, *, trainset: list[Any], valset: list[Any]) -> Any:
        """Return a copy of `student` with the best instructions, which may be its own.

        Raises TrainingError where the model that rewrites could not be asked at all, Stopped when asked to stop.
        """
        proposer = Proposer()
        gepa = dspy.GEPA(
            metric=self._measure.with_words,
            max_metric_calls=ROUNDS * len(valset),
            reflection_minibatch_size=_BATCH,
            reflection_lm=self._reflector,
            instruction_proposer=proposer,
            num_threads=self._threads,
            seed=self._seed,
            gepa_kwargs={"stop_callbacks": [lambda _: proposer.failure is not None or self._watch.over]},
        )
        best = gepa.compile(student.deepcopy(), trainset=trainset, valset=valset)
        self._measure.check()
        self.asked = proposer.proposed
        self.shown |= proposer.shown
        if proposer.failure is not None and not proposer.proposed:
            raise TrainingError(f"{self._reflector.model} rewrote no instructions: {proposer.failure}")
        return best


class Proposer(InstructionProposer):  # type: ignore[misc]
    """DSPy's own proposer, shown calls as messages. GEPA goes on after an error here; this one is kept to end it."""

    def __init__(self) -> None:
        super().__init__(additional_instructions=_ADVICE)
        self.failure: Exception | None = None
        self.proposed = 0
        self.shown: set[str] = set()

    def __call__(
        self, candidate: dict[str, str], reflective_dataset: dict[str, Any], components_to_update: list[str]
    ) -> dict[str, str]:
        """Return new texts for the components."""
        try:
            calls = {name: [_plain(one) for one in ones] for name, ones in reflective_dataset.items()}
            ids = {one["Inputs"]["call_id"] for ones in reflective_dataset.values() for one in ones}
            self.shown |= ids
            with dspy.context(lm=dspy.settings.lm.copy(headers=about(sorted(ids)))):
                texts: dict[str, str] = super().__call__(candidate, calls, components_to_update)
        except Exception as error:  # noqa: BLE001 - a model, a network, a budget: the search ends, what was found stays
            _log.warning("no more rewriting: %s", error)
            self.failure = error
            return {name: candidate[name] for name in components_to_update}
        self.proposed += 1
        return {name: text.strip() or candidate[name] for name, text in texts.items()}


def _plain(example: dict[str, Any]) -> dict[str, Any]:
    """Return an example without the app's own instructions: those are what is being rewritten."""
    messages = example["Inputs"]["request"]["messages"]
    tail = [{"role": m.get("role"), "content": read.text(m)} for m in messages[leading(messages) :]]
    outputs = example["Generated Outputs"]
    answer = shown(outputs["completion"]) if isinstance(outputs, dict) else outputs
    return {**example, "Inputs": {"messages": tail}, "Generated Outputs": {"answer": answer}}
