"""Makes logged calls, a log and a control state for the slow path's tests. All real but the models."""

import json
import time
from dataclasses import dataclass
from pathlib import Path

from distiller.scoring.metrics import BUILT_IN, VERSION
from distiller.scoring.shapes import Shapes
from distiller.scoring.spec import Scored
from distiller.settings import Policies
from store.control import Control
from store.ids import new_id
from store.log import Log
from store.log.load import Batch
from store.log.rows import kept
from store.vocabulary import (
    Answer,
    Attempt,
    Call,
    Choice,
    Exchange,
    Feedback,
    Outcome,
    Pairing,
    Role,
    Task,
    TaskVersion,
    Who,
)

FP = "f" * 32
SYSTEM = "Classify the colour of the thing. Answer with one word."
COLOURS = ("red", "green", "blue")


def said(text):
    return {"role": "assistant", "content": text}


def completion(message):
    return {"id": new_id(), "choices": [{"index": 0, "message": message, "finish_reason": "stop"}]}


def request(text, *, system=SYSTEM, **more):
    head = [{"role": "system", "content": system}] if system else []
    return {
        "model": "gpt-x",
        "temperature": 0,
        **more,
        "messages": [*head, {"role": "user", "content": text}],
    }


def exchange(seq=1, **fields):
    text = fields.pop("text", f"thing {seq}")
    given = {
        "call_id": f"c{seq}",
        "attempt_id": f"a{seq}",
        "seq": seq,
        "ts": float(seq),
        "fingerprint": FP,
        "model": "gpt-x",
        "unit": f"u{seq}",
        "user": None,
        "head_hash": "h1",
        "input_hash": f"i{seq}",
        "request": request(text),
        "answer": completion(said(COLOURS[seq % 3])),
        "outcome": "complete",
    }
    return Exchange(**{**given, **fields})


@dataclass
class House:
    """A log and a control state, with one leader."""

    root: Path
    log: Log
    control: Control
    epoch: int

    @classmethod
    def make(cls, root):
        control = Control.open(root / "control.sqlite")
        return cls(
            root=root, log=Log.open(root / "log.duckdb"), control=control, epoch=control.take_epoch("test")
        )

    def close(self):
        self.log.close()
        self.control.close()

    def shapes(self, policies=None):
        return Shapes(log=self.log, control=self.control, policies=policies or Policies())

    def task(self, task_id="colours", fingerprints=(FP,), head_hash="h1"):
        self.control.save_task(Task(task_id=task_id, name=task_id, created=1.0), self.epoch)
        version = TaskVersion(task_id=task_id, version=1, head_hash=head_hash, fingerprints=fingerprints)
        self.control.save_version(version, self.epoch)

    def load(self, *rows, feedback=()):
        """Load (call, [(attempt, message)]) pairs and feedback."""
        batch = Batch(feedback=list(feedback))
        for call, attempts in rows:
            batch.calls.append((call, "w0"))
            batch.attempts += [
                kept(a, Answer(completion=completion(m), completion_id=None), 0.0) for a, m in attempts
            ]
        self.log.loader.load(batch)

    def colours(self, count, *, wrong=()):
        """Log `count` calls of the colour task, each its own conversation."""
        self.load(*(served(f"thing {i}", COLOURS[i % 3]) for i in range(count)))


def call(text, **fields):
    system = fields.pop("system", SYSTEM)
    body = json.dumps(fields.pop("request", None) or request(text, system=system)).encode()
    fields.setdefault("unit", f"unit {text}")
    return Call(
        **{
            "call_id": new_id(),
            "ts": time.time(),
            "fingerprint": FP,
            "fp_version": 1,
            "model": "gpt-x",
            "body": body,
            **fields,
        }
    )


def attempt(of, *, role=Role.SERVE, who=Who.TEACHER, served=True, outcome=Outcome.COMPLETE):
    return Attempt(
        attempt_id=new_id(),
        call_id=of.call_id,
        ts=of.ts + 0.1,
        role=role,
        who=who,
        served=served,
        model="gpt-x",
        upstream="u",
        student_id="s1" if who is Who.STUDENT else None,
        outcome=outcome,
        status=200,
        started=of.ts,
    )


def served(text, answer, **fields):
    """One call that the teacher served."""
    made = call(text, **fields)
    return made, [(attempt(made), said(answer))]


def shadowed(text, teacher, student):
    """One teacher-served call with a shadow of the student."""
    choice = Choice(pairing=Pairing.SHADOW, propensity=1.0, rollout_id="r1", student_id="s1", step="shadow")
    made = call(text, choice=choice)
    shadow = attempt(made, role=Role.SHADOW, who=Who.STUDENT, served=False)
    return made, [(attempt(made), said(teacher)), (shadow, said(student))]


def feedback(of, **fields):
    return Feedback(feedback_id=new_id(), ts=time.time(), target=of.call_id, **fields)


class InProcessScorer:
    """A Scorer without a process: the built-in metrics, called directly."""

    def __init__(self):
        self.asked = 0

    async def version(self, spec):
        return VERSION

    async def score(self, spec, items):
        self.asked += len(items)
        metric = BUILT_IN[spec.name]
        return [Scored(value=metric(i.reference, i.candidate, i.request)) for i in items]
