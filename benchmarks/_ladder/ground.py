"""A house without a gateway: a log filled with a task's calls, and jobs that climb the real ladder. Knows no score."""

from __future__ import annotations

import asyncio
import json
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any, Self

from benchmarks._ladder.tasks import Example, Play
from distiller.clock import Clock
from distiller.pipeline import Executor, Parts, Pipeline
from distiller.scoring.client import ScorerClient
from distiller.scoring.shapes import Shapes
from distiller.settings import DistillerSettings, Policies, StudentSettings, TaskPolicy, TrainingSettings
from gateway import trace
from gateway.fingerprint import fingerprint
from stillhouse.processes.child import Child, Spec
from stillhouse.serving import StudentServers
from store.artifacts import Artifacts
from store.control import Control
from store.ids import new_id
from store.log import Log
from store.log.load import Batch
from store.log.rows import kept
from store.opening import FP_VERSION
from store.paths import DataFolder
from store.vocabulary import (
    Answer,
    Attempt,
    Call,
    Evaluation,
    Job,
    Outcome,
    Role,
    Student,
    Task,
    TaskVersion,
    Who,
)

_TICK_S = 0.2


class Ground:
    """One task in a data folder of its own. Use as a context."""

    def __init__(self, root: Path, play: Play, *, base: str, training: TrainingSettings) -> None:
        self.folder = DataFolder(root)
        self.folder.create()
        self._play = play
        self.control = Control.open(self.folder.control)
        self._log = Log.open(self.folder.log, trace=trace)
        self._epoch = self.control.take_epoch("benchmark")
        self._settings = DistillerSettings(
            training=training,
            student=StudentSettings(base=base),
            min_examples=1,
            min_passing=1,
            heldout_max=400,
        )
        self._stopped = threading.Event()
        self._servers = threading.Thread(target=self._serve)

    def __enter__(self) -> Self:
        if not self.control.tasks():
            self._fill()
        self._servers.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stopped.set()
        self._servers.join()
        self._log.close()
        self.control.close()

    def climb(self, *ladder: str) -> tuple[Job, Student | None, Evaluation | None]:
        """Run one job over these rungs; give it with what it announced."""
        return asyncio.run(self._climb(ladder))

    async def _climb(self, ladder: tuple[str, ...]) -> tuple[Job, Student | None, Evaluation | None]:
        scorer = ScorerClient(cache=self.folder.cache / "dspy")
        policies = Policies(default=TaskPolicy(ladder=ladder, timeout_s=60.0))
        shapes = Shapes(log=self._log, control=self.control, policies=policies)
        announced: list[tuple[Student, Evaluation]] = []

        def on_student(student: Student, evaluation: Evaluation) -> None:
            announced.append((student, evaluation))

        parts = Parts(
            log=self._log, control=self.control, artifacts=Artifacts(self.folder.artifacts), jobs=self.folder.jobs,
            epoch=self._epoch, shapes=shapes, scorer=scorer, on_student=on_student, settings=self._settings,
            policies=policies,
        )  # fmt: skip
        clock = Clock(
            log=self._log,
            control=self.control,
            epoch=self._epoch,
            shapes=shapes,
            policies=policies,
            settings=self._settings,
        )
        job = clock.order(self._play.name)
        if job is None:
            raise RuntimeError(f"a job of {self._play.name} is open already")
        try:
            executor = Executor(Pipeline(parts), parts)
            while await executor.step():
                pass
        finally:
            await scorer.close()
        ended = next(j for j in self.control.jobs() if j.job_id == job.job_id)
        return ended, *(announced[-1] if announced else (None, None))

    def _fill(self) -> None:
        """Log the calls as the app would have made them, and file them under one task."""
        head = self._play.train[0].request
        print_ = fingerprint(head, "", None)
        began = time.time() - len(self._play.train)
        batch = Batch()
        for number, example in enumerate(self._play.train):
            call, attempt, answer = _logged(example, print_, began + number)
            batch.calls.append((call, "benchmark"))
            batch.attempts.append(kept(attempt, answer, 0.0))
        self._log.loader.load(batch)
        name = self._play.name
        self.control.save_task(Task(task_id=name, name=name, created=time.time()), self._epoch)
        version = TaskVersion(task_id=name, version=1, head_hash="", fingerprints=(print_,))
        self.control.save_version(version, self._epoch)

    def _serve(self) -> None:
        servers = StudentServers(self.folder, self._child)
        try:
            while not self._stopped.wait(_TICK_S):
                servers.tick()
        finally:
            for child in servers.children():
                child.ask_to_stop()
            for child in servers.children():
                child.finish(5.0)
            servers.close()

    def _child(self, name: str, module: str, *arguments: str) -> Child:
        spec = Spec(
            name=name,
            argv=(sys.executable, "-m", module, *arguments),
            pid_file=self.folder.run / f"{name}.pid",
            log_file=self.folder.root / "logs" / f"{name}.log",
        )
        return Child(spec, time.monotonic)


def _logged(example: Example, print_: str, ts: float) -> tuple[Call, Attempt, Answer]:
    call_id = new_id()
    body = json.dumps(example.request, ensure_ascii=False).encode()
    call = Call(
        call_id=call_id,
        ts=ts,
        fingerprint=print_,
        fp_version=FP_VERSION,
        model=example.request["model"],
        unit=call_id,
        body=body,
    )
    finish = "tool_calls" if example.answer.get("tool_calls") else "stop"
    choice: dict[str, Any] = {"index": 0, "message": example.answer, "finish_reason": finish}
    completion = {"id": f"chatcmpl-{call_id}", "object": "chat.completion", "choices": [choice]}
    attempt = Attempt(
        attempt_id=new_id(), call_id=call_id, ts=ts, role=Role.SERVE, who=Who.TEACHER, served=True,
        model=example.request["model"], upstream="labels", outcome=Outcome.COMPLETE, status=200,
    )  # fmt: skip
    return call, attempt, Answer(completion=completion, completion_id=completion["id"], finish_reason=finish)


@contextmanager
def prepared(root: Path, play: Play, *, base: str, training: TrainingSettings) -> Iterator[Ground]:
    """Give the ground of a task, whose training takes what it was asked to."""
    with Ground(
        root, play, base=base, training=replace(training, max_rows=max(training.max_rows, len(play.train)))
    ) as ground:
        yield ground
