"""Rows of a small task, a student behind a stand-in server, and all that a search is made of."""

from contextlib import contextmanager

import dspy
import httpx
from standin import StandIn

from distiller.programs.measure import Measure
from distiller.programs.provider import LocalProvider
from distiller.programs.slices import Room, slices
from distiller.programs.student import Answers, Line, StudentLM
from distiller.programs.watch import Watch
from distiller.programs.wire import Wire, WireAdapter, Wording
from distiller.scoring.spec import MetricSpec
from store.prompt import head_hash
from store.vocabulary import Program

HEAD = "Answer with the colour."
COLOURS = ("red", "green", "blue", "grey")


def ask(text, head=HEAD, **options):
    system = [{"role": "system", "content": head}] if head else []
    return {"model": "teacher", "messages": [*system, {"role": "user", "content": text}], **options}


def row(i, *, passed=True, unit=None, head=HEAD):
    colour = COLOURS[i % 4]
    return {
        "call_id": f"c{i}",
        "unit": unit or f"u{i}",
        "seq": i,
        "user": None,
        "input_hash": f"h{i}",
        "request": ask(f"thing {i} is {colour}ish", head, max_tokens=8),
        "completion": {"role": "assistant", "content": colour},
        "passed": passed,
        "score": None,
    }


def rows(n=48):
    return [row(i) for i in range(n)]


class House:
    """Serves every model at one stand-in; keeps what was started and stopped."""

    def __init__(self, url):
        self._url = url
        self.running = set()
        self.seen = []

    def url(self, model):
        if model not in self.running:
            self.seen.append(f"start {model}")
        self.running.add(model)
        return self._url

    def stop(self, model):
        if model in self.running:
            self.seen.append(f"stop {model}")
        self.running.discard(model)


class Bench:
    """One search over `rows()`, with a student whose answers `answer(body)` gives."""

    def __init__(self, url, tmp_path, *, start=None, train=None, tokens=10_000, data=None, metric="label"):
        data = data or rows()
        start = start or Program()
        wanted = head_hash(data[0]["request"])
        self.sliced = slices(data, Program(head_hash=wanted), validation=16)
        self.wire = Wire(Wording.of([data[0]["request"]], wanted), start)
        self.adapter = WireAdapter({r["call_id"]: r["completion"] for r in data}.__getitem__, self.wire)
        self.stopped = False
        self.watch = Watch(lambda: self.stopped)
        self.house = House(url)
        self.client = httpx.Client()
        self.measure = Measure(MetricSpec(name=metric), threads=4, watch=self.watch)
        self.room = Room([r["request"] for r in data], lambda r: 10 * len(r["messages"]), tokens=tokens)
        self.answers = Answers(tmp_path / "cache" / "answers.jsonl")
        line = Line(
            house=self.house,
            answers=self.answers,
            client=self.client,
            watch=self.watch,
        )
        provider = LocalProvider(train or (lambda _: "never"), self.house)
        self.lm = StudentLM("base", line, provider)

    @property
    def student(self):
        return self.wire.predictor(self.lm)


@contextmanager
def bench(answer, tmp_path, **options):
    stand_in = StandIn(answer)
    made = Bench(stand_in.url, tmp_path, **options)
    made.stand_in = stand_in
    dspy.configure_cache(enable_disk_cache=False, enable_memory_cache=False)
    try:
        with dspy.context(adapter=made.adapter, disable_history=True):
            yield made
    finally:
        made.client.close()
        stand_in.close()


def copied(body):
    """The colour that the last message names: what a good student answers."""
    return next(c for c in COLOURS if c in body["messages"][-1]["content"])
