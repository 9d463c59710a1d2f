"""A model as the teacher: asked over real HTTP, as the app asked, within its budget."""

import json
from dataclasses import replace

import httpx
import pytest
from promptkit import COLOURS, HEAD, copied, row
from standin import StandIn

from distiller.programs.live import Live
from distiller.programs.student import FAILED, Answers
from distiller.programs.taught import taught
from distiller.programs.teaching import Teaching
from distiller.programs.watch import Watch
from distiller.scoring.about import HEADER
from distiller.scoring.spec import MetricSpec
from distiller.settings import FinetuneSettings
from distiller.training.errors import Stopped, TrainingError
from distiller.training.rows import read_rows
from distiller.training.spec import TrainSpec
from store.prompt import head_hash
from store.vocabulary import Program

N = 16


class Bench:
    def __init__(self, folder, answer):
        self.stand_in = StandIn(answer)
        self.folder = folder
        self.chats = []
        self.stopped = False
        lines = [json.dumps(row(i, passed=i % 4 != 3)) + "\n" for i in range(N)]
        (folder / "train.jsonl").write_text("".join(lines))

    def teach(self, *, program=None, token="shi-budgeted", **own):
        rows = read_rows(self.folder / "train.jsonl", program or Program()).rows
        teaching = Teaching(
            finetune=FinetuneSettings(teacher="big", **own), metric=MetricSpec(name="label"),
            base_url=self.stand_in.url,
        )  # fmt: skip

        def train(chats):
            self.chats = chats
            return "made"

        return taught(
            rows, train, teaching, trainset=self.folder, cache=self.folder / "cache",
            stopping=lambda: self.stopped, token=token,
        )  # fmt: skip

    @property
    def answers(self):
        return sorted(chat["messages"][-1]["content"] for chat in self.chats)


@pytest.fixture
def bench(tmp_path):
    made = []

    def make(answer):
        made.append(Bench(tmp_path, answer))
        return made[-1]

    yield make
    for one in made:
        one.stand_in.close()


def test_its_answers_are_learnt_where_they_agree_with_what_passed(bench):
    one = bench(lambda body: "purple" if "greenish" in body["messages"][-1]["content"] else copied(body))
    assert one.teach(num_threads=4) == "made"
    assert one.answers == sorted(["red"] * 4 + ["blue"] * 4)
    assert len(one.stand_in.bodies) == N * 3 // 4, "nothing is asked where the logged answer did not pass"
    assert {body["model"] for body in one.stand_in.bodies} == {"big"}
    rows = map(json.loads, (one.folder / "train.jsonl").read_text().splitlines())
    asked = {headers[HEADER] for headers in one.stand_in.headers}
    assert asked == {row["call_id"] for row in rows if row["passed"]}
    assert {h["authorization"] for h in map(lower, one.stand_in.headers)} == {"Bearer shi-budgeted"}
    assert "shi-budgeted" not in (one.folder / "cache" / "teacher.jsonl").read_text()


def lower(headers):
    return {name.lower(): value for name, value in headers.items()}


def test_with_a_metric_of_its_own_every_call_is_asked_and_the_metric_alone_decides(bench):
    one = bench(lambda body: f"a {copied(body)}" if "blue" in body["messages"][-1]["content"] else "red")
    one.teach(metric="python:user_parts:not_red")
    assert len(one.stand_in.bodies) == N
    assert one.answers == ["a blue"] * 4


def test_it_reads_the_instructions_that_the_student_is_not_shown(bench):
    silent = Program(head=(), head_hash=head_hash(row(0)["request"]))
    one = bench(copied)
    one.teach(program=silent)
    assert {body["messages"][0]["content"] for body in one.stand_in.bodies} == {HEAD}
    assert {len(chat["messages"]) for chat in one.chats} == {2}
    assert one.answers == sorted([*COLOURS[:3]] * 4)


def test_no_answer_is_paid_for_twice(bench):
    one = bench(copied)
    one.teach()
    first, asked = one.chats, len(one.stand_in.bodies)
    one.teach()
    assert one.chats == first
    assert len(one.stand_in.bodies) == asked


def test_a_spent_budget_ends_the_asking_and_keeps_what_was_said(bench):
    said = []

    def answer(body):
        said.append(body)
        return copied(body) if len(said) <= 5 else 402

    one = bench(answer)
    one.teach()
    assert len(one.chats) == 5
    assert len(said) == 6


def test_a_refusal_ends_it_in_words_and_trains_nothing(bench):
    one = bench(lambda _: 404)
    with pytest.raises(TrainingError, match="the teacher big refuses: status 404"):
        one.teach()
    assert len(one.stand_in.bodies) == 1
    assert one.chats == []


def test_without_access_nothing_is_asked(bench):
    one = bench(copied)
    with pytest.raises(TrainingError, match="no access"):
        one.teach(token="")
    assert one.stand_in.bodies == []


def test_it_stops_when_asked_to(bench):
    one = bench(copied)
    one.stopped = True
    with pytest.raises(Stopped):
        one.teach()
    assert one.stand_in.bodies == []


def asking(one, waits):
    requests = {f"c{i}": row(i)["request"] for i in range(N)}
    client = httpx.Client(base_url=one.stand_in.url)
    answers, watch = Answers(one.folder / "cache" / "a.jsonl"), Watch(lambda: one.stopped)
    return (
        client,
        watch,
        Live("big", requests, client=client, answers=answers, watch=watch, sleep=waits.append),
    )


def test_what_fails_for_now_is_asked_again_and_not_kept(bench):
    codes = [429, 503, None, 503, 503, 503]
    one, waits = bench(lambda body: codes.pop(0) or copied(body)), []
    client, _, live = asking(one, waits)
    with client:
        assert live("c0")["content"] == "red"
        assert len(waits) == 2
        assert live("c1") == FAILED
        codes.append(None)
        assert live("c1")["content"] == "green"


def test_a_teacher_that_is_gone_ends_it(bench):
    one = bench(lambda _: 503)
    client, watch, live = asking(one, [])
    with client:
        for i in range(9):
            assert live(f"c{i}") == FAILED
        with pytest.raises(TrainingError, match="does not answer: status 503"):
            live("c9")
        assert watch.over


def test_a_request_that_it_cannot_take_is_one_row_less(bench):
    one = bench(lambda body: 400 if "thing 0 " in body["messages"][-1]["content"] else copied(body))
    one.teach()
    assert len(one.chats) == N * 3 // 4 - 1


def test_the_parameters_go_through_json(tmp_path):
    own = FinetuneSettings(teacher="big", num_threads=3, train_kwargs={"lr": 0.01, "precision": "fp32"})
    spec = TrainSpec(
        trainset=tmp_path, base=tmp_path, out=tmp_path,
        teaching=Teaching(finetune=own, metric=MetricSpec(name="label"), threshold=0.7, base_url="http://x/v1"),
    )  # fmt: skip
    spec.save(tmp_path)
    assert TrainSpec.load(tmp_path) == spec
    assert replace(spec, **spec.teaching.train_kwargs).lr == 0.01
