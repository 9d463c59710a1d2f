"""What the demo can see of the product: its control state, its totals, its waiting comparisons.

Reads only. Knows no pace and no terminal.
"""

from __future__ import annotations

import asyncio
import contextlib
import re
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import httpx

from stillhouse.client import AdminClient
from stillhouse.errors import StillhouseError
from store.control import Control
from store.paths import DataFolder
from store.vocabulary import (
    Evaluation,
    Job,
    JobState,
    Rollout,
    Route,
    Server,
    State,
    Student,
    Task,
    Trainset,
    Transition,
)

_PHASES = {
    "load": "the base model is loaded",
    "bootstrap": "DSPy BootstrapFinetune replays the teacher's traces from the log",
    "train": "a LoRA adapter is trained",
    "export": "adapter and base are merged and written as Q8_0",
    "generate": "the trained model answers the held-out prompts, for the parity check",
    "serve": "the student's server starts",
    "evaluate": "the served student is evaluated",
    "ask": "it answers the held-out calls",
}
_WAITING = re.compile(rb"^stillhouse_shadow_pending(?:\{[^}]*\})? ([0-9.e+]+)", re.MULTILINE)


@dataclass(frozen=True, kw_only=True, slots=True)
class Snapshot:
    """The product's state at one moment, as its own rows say it."""

    calls: int
    tasks: tuple[Task, ...]
    jobs: tuple[Job, ...]
    trainsets: tuple[Trainset, ...]
    students: tuple[Student, ...]
    evaluations: tuple[Evaluation, ...]
    rollouts: tuple[Rollout, ...]
    transitions: tuple[Transition, ...]
    routes: tuple[Route, ...]
    servers: tuple[Server, ...]

    @property
    def rollout(self) -> Rollout | None:
        """The newest rollout."""
        return max(self.rollouts, key=lambda r: r.created, default=None)

    @property
    def state(self) -> State | None:
        """The newest rollout's state."""
        return self.rollout.state if self.rollout else None

    @property
    def share(self) -> float:
        """The student's share, as published."""
        return max((route.share for route in self.routes), default=0.0)

    @property
    def failed_job(self) -> Job | None:
        """A job that ended without a student."""
        return next((job for job in self.jobs if job.state is JobState.FAILED), None)

    @property
    def progress(self) -> tuple[int, int, int]:
        """Figures that stand still when nothing happens any more."""
        rollout = self.rollout
        return self.calls, len(self.transitions), rollout.consumed_seq if rollout else 0

    def line(self, received: int, doing: str) -> str:
        """One line for what goes on now."""
        job = next((job for job in self.jobs if job.state is JobState.RUNNING), None)
        if job is not None and job.progress:
            return f"{doing}: {_progress(job)}"
        if self.rollout is not None:
            return f"{doing}: {self.rollout.state.value}, student's share {self.share:.0%}, {received} calls"
        return f"{doing}: {received}"

    def news(self) -> Iterator[tuple[str, str, str]]:
        """Yield (key, room, sentence) for everything that can have happened; the caller drops what it told."""
        for task in self.tasks:
            yield f"task {task.task_id}", "ledger", f"task found: {task.task_id} (mode {task.mode.value})"
        for trainset in self.trainsets:
            yield (
                f"trainset {trainset.trainset_id}",
                "student",
                (
                    f"trainset {trainset.trainset_id[:12]} frozen: {trainset.train} rows to learn from, "
                    f"{trainset.heldout} held out"
                ),
            )
        for job in self.jobs:
            phase = job.progress.get("doing") or job.phase
            yield f"job {job.job_id} {phase}", "student", f"distillation: {_PHASES.get(phase, phase)}"
            if job.state is JobState.FAILED:
                yield f"job {job.job_id} failed", "student", f"the job failed: {job.error}"
        for student in self.students:
            yield f"student {student.student_id}", "student", _student(student)
        for evaluation in self.evaluations:
            yield f"evaluation {evaluation.evaluation_id}", "student", f"offline: {evaluation.why}"
        for transition in self.transitions:
            yield (
                f"transition {transition.transition_id}",
                "cutover",
                (
                    f"{transition.source.value} -> [bold]{transition.target.value}[/bold] "
                    f"(share {transition.share:.0%}, {transition.cause}): {transition.why}"
                ),
            )


def _progress(job: Job) -> str:
    seen = job.progress
    parts = [str(seen.get("doing") or job.phase)]
    if seen.get("of"):
        parts.append(f"{seen.get('step', 0)} of {seen['of']}")
    if seen.get("loss") is not None:
        parts.append(f"loss {seen['loss']:.3f}")
    if seen.get("tokens_per_s"):
        parts.append(f"{seen['tokens_per_s']:.0f} tokens/s")
    if seen.get("eta_s") is not None:
        parts.append(f"about {seen['eta_s']:.0f} s to go")
    return ", ".join(parts)


def _student(student: Student) -> str:
    loss = student.training.get("loss")
    return f"student {student.student_id} trained on {Path(student.base).name}" + (
        f", last loss {loss:.4f}" if isinstance(loss, float) else ""
    )


class Watch:
    """Looks at a running Stillhouse from outside."""

    def __init__(self, data: Path, control_port: int, gateway_port: int) -> None:
        folder = DataFolder(data)
        self._control = Control.open(folder.control)
        self._admin = AdminClient(f"http://127.0.0.1:{control_port}", folder.admin_token())
        fresh = httpx.Limits(max_keepalive_connections=0)  # each look reaches any one of the workers
        self._gateway = httpx.AsyncClient(
            base_url=f"http://127.0.0.1:{gateway_port}", limits=fresh, timeout=2.0, trust_env=False
        )
        self._calls = 0

    async def close(self) -> None:
        """Close the connections."""
        await self._gateway.aclose()
        self._admin.close()
        self._control.close()

    async def snapshot(self) -> Snapshot:
        """Read the state now; a control process that is down leaves the last count of calls standing."""
        return await asyncio.to_thread(self._read)

    async def comparisons_waiting(self) -> int:
        """Return how many shadow attempts wait or run in the gateway; 0 when it cannot be asked."""
        try:
            answer = await self._gateway.get("/metrics")
        except httpx.HTTPError:
            return 0
        return int(sum(float(value) for value in _WAITING.findall(answer.content)))

    async def students_healthy(self, servers: tuple[Server, ...], seconds: float = 60.0) -> None:
        """Wait, bounded, until every wanted student server answers its health check."""
        deadline = time.monotonic() + seconds
        async with httpx.AsyncClient(timeout=2.0, trust_env=False) as client:
            for server in (s for s in servers if s.wanted):
                while time.monotonic() < deadline:
                    with contextlib.suppress(httpx.HTTPError):
                        if (await client.get(f"http://127.0.0.1:{server.port}/health")).is_success:
                            break
                    await asyncio.sleep(0.2)

    def _read(self) -> Snapshot:
        control, tasks = self._control, self._control.tasks()
        students = control.students()
        return Snapshot(
            calls=self._total(),
            tasks=tuple(tasks),
            jobs=tuple(control.jobs()),
            trainsets=tuple(t for task in tasks for t in control.trainsets(task.task_id)),
            students=tuple(students),
            evaluations=tuple(e for s in students for e in control.evaluations(s.student_id)),
            rollouts=tuple(control.rollouts()),
            transitions=tuple(control.transitions()),
            routes=tuple(control.routes()),
            servers=tuple(control.servers()),
        )

    def _total(self) -> int:
        with contextlib.suppress(StillhouseError):
            self._calls = int(self._admin.get("/api/totals")["calls"])
        return self._calls
