"""What the imagined upstreams answer: attempts with their bytes, and what is later said about them. Knows no order."""

from __future__ import annotations

import random

from benchmarks._ledger import answers
from benchmarks._ledger.answers import Reply
from benchmarks._ledger.draws import between, id_at
from benchmarks._ledger.tasks import AskedTask
from benchmarks._ledger.words import Prose
from store.vocabulary import Attempt, Call, Feedback, Outcome, Pairing, Role, Score, ScoreSource, Who

METRIC, METRIC_VERSION = "agreement", "1"
STUDENT = "student-triage-1"
_FAILED = 0.015  # of all attempts
_SCORED = 0.3  # of the complete attempts, and all that were drawn


class Upstreams:
    """The teacher and the student. Not thread-safe."""

    def __init__(self, rng: random.Random) -> None:
        self._rng = rng

    def attempts(self, call: Call, task: AskedTask, prose: Prose) -> tuple[Attempt, ...]:
        """Return the served attempt, and the shadow beside it where one was drawn."""
        served = self._attempt(call, task, prose, call.choice.who, Role.SERVE)
        if call.choice.pairing is not Pairing.SHADOW:
            return (served,)
        return served, self._attempt(call, task, prose, Who.STUDENT, Role.SHADOW)

    def scores(self, call: Call, attempts: tuple[Attempt, ...]) -> tuple[Score, ...]:
        """Return the scores of what was drawn, and of a part of the rest."""
        drawn = call.choice.pairing is not Pairing.NONE
        complete = [attempt for attempt in attempts if attempt.outcome is Outcome.COMPLETE]
        return tuple(self.score(a) for a in complete if drawn or self._rng.random() < _SCORED)

    def score(self, attempt: Attempt) -> Score:
        """Return a score of one attempt."""
        return Score(
            attempt_id=attempt.attempt_id,
            call_id=attempt.call_id,
            name=METRIC,
            version=METRIC_VERSION,
            value=round(self._rng.betavariate(8, 1), 3),
            source=ScoreSource.METRIC,
            ts=attempt.ts + 1.0,
        )

    def feedback(self, call: Call, prose: Prose) -> Feedback:
        """Return what a user said within a minute."""
        ts = call.ts + 60 * self._rng.random()
        return Feedback(
            feedback_id=id_at(ts, self._rng),
            ts=ts,
            target=call.call_id,
            tenant=call.tenant,
            key_id=call.key_id,
            score=float(self._rng.random() < 0.8),
            comment=prose.text(60),
        )

    def _attempt(self, call: Call, task: AskedTask, prose: Prose, who: Who, role: Role) -> Attempt:
        ms = self._rng.lognormvariate(6.6, 0.5)
        student, failed = who is Who.STUDENT, self._rng.random() < _FAILED
        streamed = call.stream and not failed
        model = "student-triage" if student else task.model
        return Attempt(
            attempt_id=id_at(call.ts + ms / 1000, self._rng),
            call_id=call.call_id,
            ts=call.ts + ms / 1000,
            role=role,
            who=who,
            served=role is Role.SERVE,
            model=model,
            upstream=f"student:{STUDENT}" if student else "openai",
            student_id=STUDENT if student else None,
            outcome=Outcome.ERROR if failed else Outcome.COMPLETE,
            status=429 if failed else 200,
            started=call.ts,
            first_byte_ms=ms / 3 if streamed else ms,
            duration_ms=ms,
            content_type=answers.STREAM if streamed else answers.JSON,
            headers={
                "x-request-id": f"req_{self._rng.randbytes(16).hex()}",
                "openai-processing-ms": str(int(ms)),
            },
            body=answers.RATE_LIMITED if failed else self._body(call, task, prose, model),
            error="The upstream answered 429." if failed else None,
        )

    def _body(self, call: Call, task: AskedTask, prose: Prose, model: str) -> bytes:
        reply = Reply(
            text=answers.text(task, prose, between(task.answered, self._rng)),
            tool=self._rng.choice(task.tools) if task.tools else None,
            model=model,
            created=int(call.ts),
            asked=len(call.body),
        )
        return (answers.streamed if call.stream else answers.whole)(reply, self._rng)
