"""One optimisation in order: base, rows, search, result. Knows no pipe, no signal and no optimiser."""

from __future__ import annotations

import json
import logging
import time
from collections.abc import Callable
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import dspy
import httpx

from distiller.programs.measure import Measure
from distiller.programs.provider import LocalProvider
from distiller.programs.search import Search
from distiller.programs.slices import Room, Slices, slices
from distiller.programs.spec import PromptSpec
from distiller.programs.student import Answers, Line, StudentLM
from distiller.programs.tune import Tuner
from distiller.programs.watch import Watch
from distiller.programs.wire import Wire, WireAdapter, Wording, quoted
from distiller.serving.servers import Servers
from distiller.training.base import prepare
from distiller.training.baseline import STUDENT, base_weights, link
from distiller.training.encode import tokens
from distiller.training.errors import TooFewRows, TrainingError
from distiller.training.files import PROGRAM, write
from distiller.training.model import load_tokenizer
from distiller.training.report import Report, peak_mb
from distiller.training.template import render
from distiller.trainset import read_rows
from store.vocabulary import Program

BASE = "base"  # the name of the model that nothing was trained into
LEAST = 10  # validation rows: fewer tell candidates apart by chance alone
_log = logging.getLogger("distiller.programs")


class Optimising:
    """One rung. `stopping()` is asked between answers; then Stopped is raised. `token` opens `spec.base_url`."""

    def __init__(
        self, spec: PromptSpec, job: Path, report: Report, stopping: Callable[[], bool], token: str
    ) -> None:
        self._spec = spec
        self._job = job
        self._report = report
        self._stopping = stopping
        self._watch = Watch(stopping)
        self._token = token
        self._cache = job / "cache"  # what may be lost: an erasure empties it
        judge = spec.metric.judge
        ours = token if judge is not None and judge.base_url == spec.base_url else ""
        self._measure = Measure(replace(spec.metric, token=ours), threads=spec.parallel, watch=self._watch)

    def run(self) -> None:
        """Do it all, and write result.json last. Raises TrainingError; Stopped when asked to stop."""
        began = time.time()
        logging.getLogger("httpx").setLevel(logging.WARNING)  # a line for each answer
        spec, train = self._spec, self._spec.train
        train.out.mkdir(parents=True, exist_ok=True)
        dspy.configure_cache(  # of what the model that rewrites has said; a rerun does not pay for it again
            enable_memory_cache=False, disk_cache_dir=str(self._cache / "dspy"), restrict_pickle=True
        )
        self._report.progress("load", 0, 1)
        base = prepare(train.base_name, train.base, lambda words: _log.info("%s", words))
        sliced = self._slices()
        requests = [example.request for example in sliced.learn]
        wire = Wire(Wording.of(requests, spec.head_hash), train.program)
        adapter = WireAdapter({one.call_id: one.completion for one in sliced.learn}.__getitem__, wire)
        search = Search(
            spec,
            measure=self._measure,
            wire=wire,
            room=self._room(base, requests),
            report=self._report,
            watch=self._watch,
            token=self._token,
        )
        with self._servers(base) as servers, httpx.Client() as client:
            student = wire.predictor(self._student(base, servers, client))
            with dspy.context(adapter=adapter, disable_history=True):
                start = self._measure.mean(student, sliced.validate)
                best = search.best(student, sliced, adapter)
                score = self._measure.mean(best, sliced.validate)
        program, model = wire.read(best), best.lm.model
        if program == wire.start and model == BASE:
            calls = len(sliced.validate)
            raise TrainingError(
                f"nothing that was tried makes the student better than it is ({start:.3f} on {calls} calls)"
            )
        self._leave(program, servers.weights(model))
        found = {
            "rows": len(sliced.learn),
            "validation": len(sliced.validate),
            "start_score": round(start, 4),
            "score": round(score, 4),
            "tried": search.tried,
            "demo_calls": self._repeated(program, sliced, search.shown),
            **self._trained(model),
        }
        self._tell(found, began)

    def _slices(self) -> Slices:
        spec = self._spec
        rows = read_rows(spec.train.trainset / "train.jsonl")
        sliced = slices(rows, Program(head_hash=spec.head_hash), validation=spec.validation)
        if len(sliced.validate) < LEAST:
            raise TooFewRows(
                f"{len(sliced.validate)} conversations to compare candidates on, {LEAST} are needed"
            )
        return sliced

    def _room(self, base: Path, requests: list[dict[str, Any]]) -> Room:
        tokenizer = load_tokenizer(base)

        def count(request: dict[str, Any]) -> int:
            return len(tokens(tokenizer, render(tokenizer, request["messages"], request.get("tools"))))

        return Room(requests, count, tokens=self._spec.context - self._spec.train.max_new_tokens)

    def _servers(self, base: Path) -> Servers:
        spec = self._spec
        tell = lambda step, of: self._report.progress("export", step, of)  # noqa: E731
        weights = base_weights(base, spec.train.base, self._job, tell)
        return Servers(
            {BASE: weights}, parallel=spec.parallel, context=spec.context, threads=spec.train.threads
        )

    def _student(self, base: Path, servers: Servers, client: httpx.Client) -> StudentLM:
        tuner = Tuner(self._spec.train, base, self._job, self._report, self._stopping)

        def train(chats: list[dict[str, Any]]) -> str:
            name, weights = tuner(chats)
            servers.add(name, weights)
            return name

        line = Line(
            house=servers,
            answers=Answers(self._cache / "answers.jsonl"),
            client=client,
            watch=self._watch,
        )
        return StudentLM(BASE, line, LocalProvider(train, servers))

    def _repeated(self, program: Program, sliced: Slices, shown: set[str]) -> list[str]:
        """Return the ids of the calls whose words the program repeats, or may: an erasure of one takes it away."""
        rewritten = shown if program.head else set()
        return sorted({*self._spec.demo_calls, *quoted(program, sliced.learn), *rewritten})

    def _leave(self, program: Program, weights: Path) -> None:
        out = self._spec.train.out
        link(weights, out / STUDENT)
        write(out / PROGRAM, json.dumps(asdict(program), ensure_ascii=False))

    def _trained(self, model: str) -> dict[str, Any]:
        """Return what training said of a model, which may be none."""
        told = self._job / f"{model}.json"
        return json.loads(told.read_text("utf-8")) if told.is_file() else {"seconds": 0.0}

    def _tell(self, found: dict[str, Any], began: float) -> None:
        train = self._spec.train
        known = {"student": train.student_name, "task_id": train.task_id}
        wall = {"wall_s": round(time.time() - began, 1), "peak_mb": peak_mb(), "spec": self._spec.to_json()}
        write(self._job / "result.json", json.dumps({**known, **found, **wall}, indent=1))
