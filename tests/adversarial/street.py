"""A whole way of a call, for the adversarial tests: apps, gateway, journal, log, scores, control. Knows no attack.

Gateway, teacher and student speak over real sockets; journal, log and control state are real files. The judge is here, and
the people who look after it: an answer is right when it says what the question says. The clock is one that a test sets;
nothing waits for it.
"""

import asyncio
import contextlib
import itertools
import json
import math
import time
from collections.abc import Iterator
from dataclasses import dataclass, field, replace

import engines
import httpx
from makers import FAST, Watch, evaluation, student
from upstream import Healthy, Upstream, serving

from distiller.scoring.pairs import audited
from distiller.scoring.rank import GOLD
from gateway.app import build
from gateway.capture import read_answer
from gateway.fingerprint import fingerprint
from gateway.settings import GatewaySettings, Timeouts, UpstreamSpec
from router.bucket import position
from router.controller import Controller
from router.drift.settings import DriftPolicy
from router.drift.watching import Watching
from router.feed import RouteFeed
from router.opening import open_rollout
from router.pairs import WHOLE
from router.replay import differences
from router.streams.scorer import ScorerWatch
from router.streams.watchers import OutageWatch, RatioWatch
from store.control import Control, Order
from store.ingester import Ingester
from store.journal.writer import SegmentWriter
from store.log import Log
from store.paths import DataFolder
from store.vocabulary import Attempt, Call, Pairing, Score, ScoreSource, State, Task, TaskMode, TaskVersion

HEAD = {"role": "system", "content": "Repeat the word."}
SCORE = "exact"
BRIEF = replace(FAST, minima={**FAST.minima, State.SHADOW: 60}, timeout_s=0.3)
PATIENCE_S = 30.0


class Speaker(Upstream):
    """Repeats the user's word; `wrong` says which words it gets wrong, `fault` answers instead. It calls itself `model`.

    Where it is asked for log-probabilities, its answer has the one that `sure` says.
    """

    def __init__(self):
        super().__init__()
        self.wrong = lambda word: False
        self.fault = None
        self.model = "speaker-1"
        self.sure = lambda word: 1.0

    def completion(self, asked):
        made = {**super().completion(asked), "model": self.model}
        if asked.get("logprobs"):
            told = {"token": self.text, "logprob": math.log(self.sure(asked["messages"][-1]["content"]))}
            made["choices"][0]["logprobs"] = {"content": [told]}
        return made

    async def usual(self, seen, out):
        if self.fault is not None and seen.path.endswith("/chat/completions"):
            await self.fault(seen, out)
            return
        word = (seen.json or {}).get("messages", [{}])[-1].get("content", "") if seen.body else ""
        self.text = "wrong" if self.wrong(word) else word
        await super().usual(seen, out)


@dataclass
class Journal:
    """A real journal that also remembers what was written, so that a test knows when all is in."""

    writer: SegmentWriter
    records: list = field(default_factory=list)
    waits = False

    def append(self, record):
        kept = self.writer.append(record)
        self.records.append(record)
        return kept

    async def synced(self):
        return True

    def open_pairs(self):
        attempts = {}
        for record in self.records:
            if isinstance(record, Attempt):
                attempts.setdefault(record.call_id, set()).add((record.who, record.role))
        calls = [record for record in self.records if isinstance(record, Call)]
        wanted = [call for call in calls if call.choice.pairing != Pairing.NONE]
        return [call for call in wanted if len(attempts.get(call.call_id, ())) < 2]


class Street:
    """One task with a student whose rollout has begun."""

    def __init__(self, root, policy=BRIEF, drift=None):
        self.folder = DataFolder(root).create()
        self.policy, self.drift, self.clock = policy, drift or DriftPolicy(), Watch()
        self.teacher, self.student = Speaker(), Speaker()
        self.log, self.control = Log.open(self.folder.log), Control.open(self.folder.control)
        self.epoch = self.control.take_epoch("test")
        self.journal = Journal(SegmentWriter(self.folder.journal, "worker-0"))
        self.ingester = Ingester(self.log, self.folder.journal, read_answer, lambda _model, _usage: 0.0)
        self.feed = RouteFeed(self.control, root / "STOP", self.clock, stop_check_s=0.0)
        self.controller = self.another()
        self.teacher_url = ""  # once it stands
        self.judging = lambda _word: True  # which answers are scored yet
        self.judge = lambda word, said: said == word  # and which of them it holds to be right
        self.version = "1"  # of the judge
        self.asked_of_people = 0.0  # share of the calls
        self._scored = set()
        self._orders = 0

    def another(self):
        """A controller as after a restart: it remembers nothing. Joined as the house joins it."""
        self.watching = Watching(self.control, self.log, lambda _: self.drift, self.epoch, self.clock)
        return Controller(
            self.control,
            self.log,
            lambda _: self.policy,
            self.epoch,
            self.clock,
            lambda _: SCORE,
            watchers=(
                RatioWatch(self.log, self.clock),
                OutageWatch(self.log, lambda _: SCORE, self.clock),
                ScorerWatch(self.control, lambda _: (SCORE, self.version), self.epoch, self.clock),
                self.watching.findings,
            ),
        )

    def begin(self, student_url, learnt, screened):
        """Plant the task of these calls and its student, and open the rollout: all calls so far were before it."""
        print_ = fingerprint({"model": "m", "messages": [HEAD, {"role": "user", "content": "a"}]}, "")
        self.control.save_task(Task(task_id="t", name="T", mode=TaskMode.AUTO), self.epoch)
        version = TaskVersion(task_id="t", version=1, head_hash="h", fingerprints=(print_,))
        self.control.save_version(version, self.epoch)
        made = student(base_url=student_url, model="student", **learnt)
        self.control.save_student(made, self.epoch)
        found = evaluation(**screened)
        self.control.save_evaluation(found, self.epoch)
        open_rollout(self.control, made, found, self.policy, epoch=self.epoch, clock=self.clock)
        self.tick()
        assert self.state == State.SHADOW

    @property
    def rollout(self):
        return self.control.rollouts()[-1]

    @property
    def state(self):
        return self.rollout.state

    @property
    def route(self):
        return next(iter(self.control.routes()), None)

    @property
    def path(self):
        return [
            (str(t.target), t.cause) for t in self.control.transitions(rollout_id=self.rollout.rollout_id)
        ]

    def observed(self):
        """Give what was counted of the scores."""
        return [o for o in self.control.observations(self.rollout.rollout_id) if o.stream == "score"]

    def replayed(self):
        transitions = self.control.transitions(rollout_id=self.rollout.rollout_id)
        observations = self.control.observations(self.rollout.rollout_id)
        return differences(self.rollout, transitions, observations)

    def tick(self, seconds=1.0):
        """Let time pass, decide, and publish to the gateway."""
        self.clock.now += seconds
        self.watching.step()
        made = self.controller.tick()
        self.feed.refresh()
        return made

    def force(self):
        """Let an operator force the first step on live traffic."""
        order = self.order("force")
        self.tick()
        done = next(o for o in self.control.orders(pending=False) if o.order_id == order)
        assert (done.outcome, self.state) == ("done", State.CANARY_1)

    def conversations(self):
        """Give conversations that fall to the student now, without end."""
        salt, share = self.route.salt, self.route.share
        return (name for i in itertools.count() if position(salt, "t", name := f"talk{i}") < share)

    def order(self, verb):
        self._orders += 1
        wish = Order(
            order_id=f"o{self._orders}", rollout_id=self.rollout.rollout_id, verb=verb, actor="anna",
            reason="a test", ts=self.clock.now,
        )  # fmt: skip
        self.control.order(wish)
        return wish.order_id

    def load(self):
        """Bring the journal into the log, and the scores that are ready."""
        self.ingester.catch_up()
        words = {
            record.call_id: json.loads(record.body)["messages"][-1]["content"]
            for record in self.journal.records
            if isinstance(record, Call)
        }
        scores = []
        for record in self.journal.records:
            if (
                not isinstance(record, Attempt)
                or record.outcome not in WHOLE
                or record.attempt_id in self._scored
            ):
                continue
            word = words[record.call_id]
            if self.judging(word):
                self._scored.add(record.attempt_id)
                said = json.loads(record.body)["choices"][0]["message"]["content"]
                scores += self._scores(record, word, said)
        self.log.add_scores(scores)

    def _scores(self, attempt, word, said):
        """Give what the judge says of an answer, and what people say of it where they are asked."""
        share = self.asked_of_people
        drawn = audited(attempt.call_id, share) if share else None
        judged = Score(
            attempt_id=attempt.attempt_id, call_id=attempt.call_id, name=SCORE, version=self.version,
            value=float(self.judge(word, said)), source=ScoreSource.JUDGE if share else ScoreSource.METRIC,
            ts=self.clock.now, propensity=share or None, drawn=drawn,
        )  # fmt: skip
        if not drawn:
            return [judged]
        return [
            judged,
            replace(judged, name=GOLD, value=float(said == word), source=ScoreSource.GOLD, drawn=None),
        ]

    def close(self):
        self.journal.writer.close()
        self.ingester.close()
        self.log.close()
        self.control.close()


@dataclass
class App:
    """What calls through one gateway."""

    street: Street
    http: httpx.AsyncClient
    talks: Iterator[str] | None = None

    async def ask(self, *words, headers=None):
        """Ask for words, one call each; give the answers that the app received, when all pairs are in."""
        said = [await self._one(word, headers or {}) for word in words]
        return await self._settled(said)

    async def ask_student(self, *words):
        """The same in conversations that fall to the student."""
        talks = self.street.conversations() if self.talks is None else self.talks
        self.talks = talks
        said = [await self._one(word, {"x-stillhouse-conversation": next(talks)}) for word in words]
        return await self._settled(said)

    async def _settled(self, said):
        async with asyncio.timeout(PATIENCE_S):
            while self.street.journal.open_pairs():  # noqa: ASYNC110 - the gateway ends its pairs by itself
                await asyncio.sleep(0.002)
        self.street.load()
        return said

    async def _one(self, word, headers):
        body = {"model": "m", "messages": [HEAD, {"role": "user", "content": word}]}
        answer = await self.http.post("/v1/chat/completions", json=body, headers=headers)
        assert answer.status_code == 200, answer.text
        return answer.json()["choices"][0]["message"]["content"]


@contextlib.asynccontextmanager
async def lively(root, policy=BRIEF, *, before=(), drift=None, learnt=None, screened=None):
    """A street with a gateway before it, and an app that asked for some words before the rollout began.

    `learnt` and `screened` are what student and evaluation have otherwise.
    """
    street = Street(root, policy, drift)
    async with (
        serving(street.teacher, street.student) as (teacher, pupil),
        gateway(street, teacher, street.feed, street.journal) as app,
    ):
        street.teacher_url = teacher
        await app.ask(*before, "hello")  # the teacher accepts the key
        if (
            before
        ):  # the gateway's own time stands in the calls; else all of them come long after the test's clock
            street.clock.now = time.time()
        street.begin(pupil + "/v1", learnt or {}, screened or {})
        yield street, app
    street.close()


@contextlib.asynccontextmanager
async def gateway(street, teacher, feed, journal):
    """One gateway worker over a feed and a journal."""
    spec = UpstreamSpec(name="teacher", base_url=teacher + "/v1", timeouts=Timeouts(connect=2.0))
    made = build(
        GatewaySettings(upstreams=(spec,), salt=b"salt", drain_s=2.0),
        journal=journal, chooser=feed, transport=engines.transport(), health=Healthy(),
    )  # fmt: skip
    key = {"authorization": "Bearer sk-adversary"}
    async with (
        serving(made) as (url,),
        httpx.AsyncClient(base_url=url, headers=key, trust_env=False, timeout=30) as http,
    ):
        yield App(street, http)


def words(n, start=0):
    """Different words."""
    return [f"word{i}" for i in range(start, start + n)]
