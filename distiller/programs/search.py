"""The search of each way: what is tried, in DSPy's own optimisers, and what was found. Knows no file and no server."""

from __future__ import annotations

from typing import Any

import dspy

from distiller.programs.better import Finetune, better_together
from distiller.programs.fewshot import FewShot
from distiller.programs.instructions import Instructions
from distiller.programs.measure import Measure
from distiller.programs.slices import Room, Slices
from distiller.programs.spec import PromptSpec, Way
from distiller.programs.watch import Watch
from distiller.programs.wire import Wire, WireAdapter
from distiller.training.errors import TrainingError
from distiller.training.report import Report


class Search:
    """One search. `token` opens the model that rewrites instructions."""

    def __init__(
        self,
        spec: PromptSpec,
        *,
        measure: Measure,
        wire: Wire,
        room: Room,
        report: Report,
        watch: Watch,
        token: str,
    ) -> None:
        self._spec = spec
        self._measure = measure
        self._wire = wire
        self._room = room
        self._report = report
        self._watch = watch
        self._token = token
        self.tried: list[dict[str, Any]] = []  # what the result tells of it
        self.shown: set[str] = set()  # ids of the calls that a model which rewrites was shown

    def best(self, student: Any, sliced: Slices, adapter: WireAdapter) -> Any:
        """Return the best program that was found, which may be the one that `student` is. Raises TrainingError."""
        if self._spec.way is Way.BOTH:
            return self._both(student, sliced, adapter)
        if self._spec.way is Way.FEWSHOT:
            return self._examples(student, sliced)
        if not self._spec.rewrites:
            raise TrainingError("there is no model to rewrite instructions, or none that all calls share")
        search = self._instructions()
        best = search.compile(student, trainset=sliced.learn, valset=sliced.validate)
        self.tried = [{"rewritings": search.asked}]
        self.shown = search.shown
        return best

    def _examples(self, student: Any, sliced: Slices) -> Any:
        search = self._fewshot()
        best = search.compile(student, trainset=sliced.learn, valset=sliced.validate)
        self.tried = [{"examples": one.examples, "score": round(one.score, 4)} for one in search.found]
        return best

    def _both(self, student: Any, sliced: Slices, adapter: WireAdapter) -> Any:
        prompt = self._instructions() if self._spec.rewrites else self._fewshot()
        best = better_together(
            student,
            sliced,
            prompt,
            Finetune(adapter, self._spec.train.teaching),
            self._measure,
            threads=self._spec.parallel,
        )
        self.shown = prompt.shown if isinstance(prompt, Instructions) else set()
        self.tried = [
            {"strategy": one["strategy"], "score": round(one["score"] / 100, 4)}
            for one in best.candidate_programs
        ]
        return best

    def _fewshot(self) -> FewShot:
        tell = lambda step, of: self._report.progress("search", step, of)  # noqa: E731
        return FewShot(self._measure, self._wire, self._room, seed=self._spec.train.seed, tell=tell)

    def _instructions(self) -> Instructions:
        self._report.progress("search", 0, 1)
        reflector = dspy.LM(
            f"openai/{self._spec.optimizer_model}", api_base=self._spec.base_url, api_key=self._token, cache=True
        )  # fmt: skip
        return Instructions(
            self._measure,
            reflector,
            seed=self._spec.train.seed,
            threads=self._spec.parallel,
            watch=self._watch,
        )
