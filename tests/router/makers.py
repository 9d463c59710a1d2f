"""Makes what the router's tests need: rows, a log in memory, a house with a real control state."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

from router.controller import Controller
from router.decision import Finding
from router.opening import open_rollout
from router.settings import RolloutPolicy, profiled
from store.control import Control, Order
from store.vocabulary import (
    Drawn,
    Evaluation,
    Exposure,
    Heard,
    Observation,
    ObservationKind,
    Outcome,
    Rollout,
    State,
    Stream,
    Student,
    Task,
    TaskMode,
    TaskVersion,
    Transition,
    Verdict,
    Who,
)

FAST = profiled(RolloutPolicy(mode=TaskMode.AUTO, delta=0.05), "replay")


def observation(seq: int, d: float | None = 0.0, **changes) -> Observation:
    kind = ObservationKind.PAIRED if d is not None else ObservationKind.MISSING
    given = {
        "rollout_id": "r",
        "seq": seq,
        "call_id": f"c{seq}",
        "kind": kind,
        "d": d,
        "step": State.SHADOW,
        "served_by": Who.TEACHER,
        "propensity": 1.0,
        "ts": float(seq),
    }
    return Observation(**{**given, **changes})


def rollout(state: State = State.SHADOW, **changes) -> Rollout:
    given = {
        "rollout_id": "r",
        "task_id": "t",
        "task_version": 1,
        "student_id": "s",
        "trial": 1,
        "state": state,
        "salt": "pepper",
    }
    return Rollout(**{**given, **changes})


def drawn(seq: int, student: float | None = 1.0, teacher: float | None = 1.0, **changes) -> Drawn:
    given = {
        "seq": seq,
        "call_id": f"c{seq}",
        "ts": 1000.0 + seq,
        "step": State.SHADOW,
        "served_by": Who.TEACHER,
        "propensity": 1.0,
        "input_hash": f"i{seq}",
        "unit": f"u{seq}",
        "student_attempt": f"s{seq}",
        "teacher_attempt": f"t{seq}",
        "student_outcome": Outcome.COMPLETE,
        "teacher_outcome": Outcome.COMPLETE,
        "student_score": student,
        "teacher_score": teacher,
    }
    return Drawn(**{**given, **changes})


def student(student_id: str = "s1", **changes) -> Student:
    given = {
        "student_id": student_id,
        "task_id": "t",
        "task_version": 1,
        "recipe": "finetune",
        "base": "tiny",
        "trainset_id": "x",
        "created": 1.0,
        "base_url": "http://127.0.0.1:9/v1",
    }
    return Student(**{**given, **changes})


def evaluation(student_id: str = "s1", **changes) -> Evaluation:
    given = {
        "evaluation_id": f"e-{student_id}",
        "student_id": student_id,
        "task_id": "t",
        "created": 1.0,
        "n": 250,
        "student_mean": 0.9,
        "teacher_mean": 0.9,
        "delta_mean": 0.0,
        "delta_lower": -0.02,
        "verdict": Verdict.PASS,
        "why": "it holds up",
    }
    return Evaluation(**{**given, **changes})


@dataclass
class MemoryLog:
    """The router's part of the log, in memory: rows are replaced as more of them becomes known."""

    rows: dict[int, Drawn] = field(default_factory=dict)
    outcomes: list[tuple[float, str]] = field(default_factory=list)
    calls: list[Heard] = field(default_factory=list)  # what users said of them
    usd: float = 0.0
    unpaired: int = 0  # calls of the student that came since anyone asked, and drew no pair
    last_calls: dict[str, float] = field(default_factory=dict)  # by fingerprint
    named: int = 0  # users
    unpriced: int = 0  # shadow attempts of today whose price nobody knows

    def add(self, *rows: Drawn) -> None:
        self.rows |= {row.seq: row for row in rows}

    def drawn(self, rollout_id: str, after_seq: int, score_name: str, limit: int) -> list[Drawn]:
        return [self.rows[seq] for seq in sorted(self.rows) if seq > after_seq][:limit]

    def student_outcomes(self, student_id: str, limit: int = 20, after_ts: float = 0.0) -> list[str]:
        return [outcome for ts, outcome in reversed(self.outcomes) if ts > after_ts][:limit]

    def exposure(self, rollout_id: str, step: str, after_seq: int) -> Exposure:
        given = [
            seq
            for seq, row in self.rows.items()
            if seq > after_seq and row.step == step and row.served_by == Who.STUDENT
        ]
        unpaired, self.unpaired = self.unpaired, 0
        return Exposure(calls=len(given) + unpaired, seq=max(given, default=after_seq))

    def latest(self, fingerprints) -> float:
        return max((self.last_calls.get(name, 0.0) for name in fingerprints), default=0.0)

    def users(self, fingerprints) -> int:
        return self.named

    def newest_seq(self) -> int:
        return max(self.rows, default=0)

    def heard(self, rollout_id: str, after: int, until: int, since: int, window_s: float) -> list[Heard]:
        return [call for call in self.calls if after < call.seq <= until]

    def speaks(self, fingerprints) -> bool:
        return any(call.bad for call in self.calls)

    def spend(self, since_ts: float, roles, unknown_usd: float) -> float:
        return self.usd + self.unpriced * unknown_usd


@dataclass
class Watch:
    """A clock that a test sets."""

    now: float = 1_000_000.0

    def __call__(self) -> float:
        return self.now


class House:
    """A control state on disk with one task and one student, and a controller over it."""

    def __init__(self, folder: Path, policy: RolloutPolicy = FAST) -> None:
        self.clock = Watch()
        self.policy = policy
        self.log = MemoryLog()
        self.watchers = ()
        self.control = Control.open(folder / "control.sqlite")
        self.epoch = self.control.take_epoch("test")
        self.control.save_task(Task(task_id="t", name="T", mode=TaskMode.AUTO), self.epoch)
        version = TaskVersion(task_id="t", version=1, head_hash="h", fingerprints=("f",))
        self.control.save_version(version, self.epoch)
        self.seq = 0
        self.findings: list[Finding] = []  # that stand now
        self.controller = self.another()

    def another(self, control=None) -> Controller:
        """A controller as after a restart: it remembers nothing."""
        return Controller(
            control or self.control,
            self.log,
            lambda _: self.policy,
            self.epoch,
            self.clock,
            lambda _: "score",
            (lambda _rollout, _policy: self.findings, *self.watchers),
        )

    def open(self, student_id: str = "s1", **changes) -> Rollout:
        found = evaluation(student_id, **changes)
        self.control.save_student(student(student_id), self.epoch)
        self.control.save_evaluation(found, self.epoch)
        return open_rollout(
            self.control, student(student_id), found, self.policy, epoch=self.epoch, clock=self.clock
        )

    def play(self, n: int, student_score: float = 1.0, *, served: float = 0.5, **changes) -> None:
        """Log n drawn calls at the step that is published now, a share of them served by the student."""
        routes = self.control.routes()
        if not routes:
            return
        route = routes[0]
        for i in range(n):
            self.seq += 1
            by = Who.STUDENT if route.share > 0 and (i % 100) < 100 * served else Who.TEACHER
            given = {"step": route.step, "served_by": by, "ts": self.clock.now, **changes}
            self.log.add(drawn(self.seq, student_score, **given))

    def tick(self, seconds: float = 1.0) -> list[Transition]:
        self.clock.now += seconds
        return self.controller.tick()

    def until(self, state: State, *, batch: int = 40, ticks: int = 200, **play) -> None:
        """Play calls until the newest rollout reaches a state."""
        for _ in range(ticks):
            self.tick()
            if self.state() == state:
                return
            self.play(batch, **play)
        raise AssertionError(f"it never reached {state}; it is {self.state()}")

    def latest(self) -> Rollout:
        return self.control.rollouts()[-1]

    def observed(self, stream: Stream = Stream.SCORE) -> list[Observation]:
        """What was counted of the newest rollout in one stream."""
        found = self.control.observations(self.latest().rollout_id)
        return [o for o in found if o.stream == stream]

    def state(self) -> State:
        return self.latest().state

    def order(self, verb: str, reason: str = "because", order_id: str | None = None, about: str = "") -> str:
        wish = Order(
            order_id=order_id or f"o{self.clock.now}{verb}",
            rollout_id=self.latest().rollout_id,
            verb=verb,
            actor="anna",
            reason=reason,
            ts=self.clock.now,
            slice=about,
        )
        self.control.order(wish)
        return wish.order_id

    def outcome_of(self, order_id: str) -> str | None:
        return next(o.outcome for o in self.control.orders(pending=False) if o.order_id == order_id)

    def close(self) -> None:
        self.control.close()
