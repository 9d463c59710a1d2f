"""Calls of an imagined shop's app, with all that belongs to them. The same seed gives the same traffic.

Knows no journal and no log.
"""

from __future__ import annotations

import random
from collections.abc import Iterator
from dataclasses import dataclass

from benchmarks._ledger.draws import between, id_at
from benchmarks._ledger.tasks import TENANT, AskedTask, compact, tasks
from benchmarks._ledger.upstream import STUDENT, Upstreams
from benchmarks._ledger.words import Prose
from store.opening import FP_VERSION
from store.vocabulary import Attempt, Call, Choice, Feedback, Pairing, Score, Who

START = 1_780_272_000.0  # 2026-06-01 00:00 UTC: before the first call
DAY_S = 86_400.0
ROLLOUT = "rollout-triage-1"
KEYS = ("5f3c9a1e77d0b246", "0b9d4e6f1a2c3388", "c41e0d5577aa9b12")
_USERS = 20_000
_HEADERS = {
    "accept": "application/json",
    "content-type": "application/json",
    "user-agent": "OpenAI/Python 2.8.0",
}
_DRAWN = 0.1  # of the first task's calls have a shadow attempt
_BY_STUDENT = 0.05  # of its calls the student answers
_SAID = 0.01  # of all calls get feedback


@dataclass(frozen=True, kw_only=True, slots=True)
class Asked:
    """One call with what belongs to it."""

    call: Call
    attempts: tuple[Attempt, ...]
    feedback: Feedback | None
    scores: tuple[Score, ...]
    text: str  # of the last user message

    @property
    def sent_bytes(self) -> int:
        """The bytes of the request and of the served answer."""
        return len(self.call.body) + len(self.attempts[0].body)


class Traffic:
    """An endless stream of calls at `per_day` calls a simulated day. Not thread-safe."""

    def __init__(self, *, per_day: int, seed: int = 1, since: float = START) -> None:
        self.tasks = tasks()
        self.now = since
        self._step = DAY_S / per_day
        self._rng = random.Random(seed)
        self._upstreams = Upstreams(self._rng)
        self._prose = [Prose(seed * 1_000 + i) for i in range(len(self.tasks))]
        self._shares = [task.share for task in self.tasks]

    def take(self, count: int) -> Iterator[Asked]:
        """Give the next calls."""
        for _ in range(count):
            self.now += self._step * 2 * self._rng.random()
            yield self._next(self.now)

    def _next(self, ts: float) -> Asked:
        (at,) = self._rng.choices(range(len(self.tasks)), self._shares)
        task, prose = self.tasks[at], self._prose[at]
        call, text = self._call(task, prose, ts, named=bool(at % 2))
        attempts = self._upstreams.attempts(call, task, prose)
        said = self._rng.random() < _SAID
        return Asked(
            call=call,
            attempts=attempts,
            feedback=self._upstreams.feedback(call, prose) if said else None,
            scores=self._upstreams.scores(call, attempts),
            text=text,
        )

    def _call(self, task: AskedTask, prose: Prose, ts: float, *, named: bool) -> tuple[Call, str]:
        rng = self._rng
        user = f"user-{int(_USERS * rng.random() ** 2):05}"  # some call much more often than others
        conversation = f"conv-{user}-{int(ts // 3600)}" if task.turns > 1 else None
        messages, text = self._messages(task, prose)
        streamed = rng.random() < task.streamed
        rest = b',"stream":true,"stream_options":{"include_usage":true}' if streamed else b""
        call = Call(
            call_id=id_at(ts, rng),
            ts=ts,
            tenant=TENANT,
            key_id=KEYS[int(len(KEYS) * rng.random() ** 2)],
            task_name=task.name if named else None,
            fingerprint=task.fingerprint,
            fp_version=FP_VERSION,
            model=task.model,
            stream=streamed,
            unit=conversation or rng.randbytes(8).hex(),
            conversation=conversation,
            user=user,
            headers=_HEADERS,
            body=b'%s%s%s%s,"user":"%s"}' % (task.before, messages, task.after, rest, user.encode()),
            choice=self._choice() if task is self.tasks[0] else Choice(),
        )
        return call, text

    def _messages(self, task: AskedTask, prose: Prose) -> tuple[bytes, str]:
        """Return a conversation's messages as JSON, and the text of the user's last one."""
        text = prose.text(between(task.asked, self._rng))
        found = [{"role": "user", "content": text}]
        for _ in range(self._rng.randrange(task.turns)):
            said, text = (
                prose.text(between(task.answered, self._rng)),
                prose.text(between(task.asked, self._rng)),
            )
            found += [{"role": "assistant", "content": said}, {"role": "user", "content": text}]
        return compact(found)[1:-1], text

    def _choice(self) -> Choice:
        student, drawn = self._rng.random() < _BY_STUDENT, self._rng.random() < _DRAWN
        return Choice(
            who=Who.STUDENT if student else Who.TEACHER,
            reason="share",
            task="triage",
            task_version=1,
            rollout_id=ROLLOUT,
            student_id=STUDENT,
            step="canary_5",
            share=_BY_STUDENT,
            pairing=Pairing.SHADOW if drawn and not student else Pairing.NONE,
            propensity=_DRAWN,
        )
