"""The teacher asked twice: what is asked, what is kept, what is never asked."""

from contextlib import contextmanager
from dataclasses import replace

import pytest
from msgspec import structs
from slowpath import COLOURS, FP, InProcessScorer, served
from standin import StandIn

from distiller.evaluation.evaluate import Evaluator
from distiller.pipeline import Parts
from distiller.pipeline.again import self_agreement
from distiller.recipes import Access
from distiller.scoring.about import HEADER
from distiller.scoring.spec import MetricSpec, Scored
from distiller.settings import JudgeSettings, Policies, SettingsError, TaskPolicy
from store.artifacts import Artifacts
from store.vocabulary import Outcome, Student

LABEL = MetricSpec(name="label")


class Bench:
    """A house whose teacher answers `answer(body)` when it is asked again."""

    def __init__(self, house, answer, *, background=True, **policy):
        self.house = house
        self.teacher = StandIn(answer)
        self.opened = []
        self.now = 1000.0
        house.task()
        policies = Policies(default=TaskPolicy(**policy))
        self.parts = Parts(
            log=house.log,
            control=house.control,
            artifacts=Artifacts(house.root / "artifacts"),
            jobs=house.root / "jobs",
            epoch=house.epoch,
            shapes=house.shapes(policies),
            scorer=InProcessScorer(),
            on_student=lambda *_: None,
            policies=policies,
            access=self._open if background else None,
            now=lambda: self.now,
        )

    @contextmanager
    def _open(self, name, usd):
        self.opened.append((name, usd))
        yield Access(base_url=self.teacher.url, token="granted")

    async def measure(self, metric=LABEL):
        return await self_agreement(self.parts, "colours", 1, metric)


@pytest.fixture
def bench(house):
    made = []

    def make(answer, **options):
        made.append(Bench(house, answer, **options))
        return made[-1]

    yield make
    for one in made:
        one.teacher.close()


def number(body):
    return int(body["messages"][-1]["content"].split()[-1])


def same(body):
    return COLOURS[number(body) % 3]


async def test_the_teacher_is_asked_again_and_the_figure_is_kept(bench, house):
    b = bench(lambda body: "purple" if number(body) < 100 and number(body) % 8 == 0 else same(body))
    house.colours(200)
    found = await b.measure()
    asked = sorted(map(number, b.teacher.bodies))
    assert len(asked) == 50
    assert asked == [i * 4 for i in range(50)]  # spread over time
    assert found.n == 50
    assert found.mean == pytest.approx(1 - sum(i % 8 == 0 for i in asked if i < 100) / 50)
    assert 0 < found.lower < found.mean < found.upper < 1
    assert (found.metric, found.metric_version, found.why) == ("label", "1", "")
    assert b.opened == [("self-agreement colours@1", 0.5)]
    assert {h.get("authorization") or h.get("Authorization") for h in b.teacher.headers} == {"Bearer granted"}
    known = {number(one.request): one.call_id for one in house.log.exchanges([FP], limit=1000)}
    about = {number(body): h[HEADER] for body, h in zip(b.teacher.bodies, b.teacher.headers, strict=True)}
    assert about == {n: known[n] for n in asked}
    body = b.teacher.bodies[0]
    assert (body["model"], body["temperature"]) == ("gpt-x", 0)  # as the app asked
    assert house.control.self_agreements("colours") == [found]
    assert await b.measure() == found
    assert len(b.teacher.bodies) == 50  # once


async def test_another_version_of_the_metric_is_measured_anew(bench, house):
    b = bench(same)
    house.colours(20)
    await b.measure()

    class Newer(InProcessScorer):
        async def version(self, spec):
            return "2"

    newer = replace(b.parts, scorer=Newer())
    found = await self_agreement(newer, "colours", 1, LABEL)
    assert found.metric_version == "2"
    assert len(house.control.self_agreements("colours")) == 2


async def test_only_whole_valid_answers_to_different_inputs_are_asked_again(bench, house):
    b = bench(same)
    cut, made = served("thing 3", "red")
    [(whole, message)] = made
    made = [(structs.replace(whole, outcome=Outcome.LENGTH), message)]
    house.load(*(served("thing 0", "red") for _ in range(5)), (cut, made), served("thing 1", ""))
    house.colours(15)
    found = await b.measure()
    assert found.n == 15
    assert sorted(map(number, b.teacher.bodies)) == list(range(15))


async def test_in_pass_through_nothing_is_asked_and_that_is_said(bench, house):
    b = bench(same, background=False)
    house.colours(20)
    found = await b.measure()
    assert found.mean is None
    assert "pass-through" in found.why
    assert b.teacher.bodies == []


@pytest.mark.parametrize(("status", "words"), [(403, "pass-through"), (402, "budget is used up")])
async def test_a_refusal_ends_it_at_once_and_is_tried_again_an_hour_later(bench, house, status, words):
    b = bench(lambda _: status)
    house.colours(40)
    found = await b.measure()
    assert (found.mean, found.n) == (None, 0)
    assert words in found.why
    assert len(b.teacher.bodies) == 1
    assert await b.measure() == found
    assert len(b.teacher.bodies) == 1
    b.now += 3601
    await b.measure()
    assert len(b.teacher.bodies) == 2


async def test_answers_that_do_not_come_are_missing_and_not_zero(bench, house):
    b = bench(lambda body: 500 if number(body) % 2 else same(body))
    house.colours(40)
    found = await b.measure()
    assert (found.n, found.mean) == (20, 1.0)


async def test_too_few_answers_say_nothing(bench, house):
    b = bench(same)
    house.colours(9)
    found = await b.measure()
    assert (found.mean, found.why) == (None, "9 answers came, 10 are needed")


async def test_it_is_not_asked_where_the_teacher_is_scored_itself_or_nobody_wants_it(bench, house):
    b = bench(same, self_agreement=0)
    house.colours(20)
    assert await b.measure() is None
    b = bench(same)
    judge = MetricSpec(name="judge", judge=JudgeSettings(model="j"))
    assert await b.measure(judge) is None
    assert await b.measure(MetricSpec(name="python:a.b:c")) is None
    assert b.teacher.bodies == []
    with pytest.raises(SettingsError, match="self_agreement"):
        TaskPolicy(self_agreement=-1)


class Pairwise(InProcessScorer):
    """A judge that wants the longer answer, and notes what it was asked."""

    def __init__(self):
        super().__init__()
        self.items = []

    async def score(self, spec, items):
        self.items += items
        return [Scored(value=min(1.0, len(i.candidate["content"]) / 10)) for i in items]


async def test_an_evaluation_by_a_judge_shows_it_both_halves_of_each_pair():
    rows = [
        {
            "call_id": f"c{i}",
            "unit": f"u{i}",
            "request": {"model": "m", "messages": [{"role": "user", "content": f"thing {i}"}]},
            "completion": {"role": "assistant", "content": "a fine red"},
        }
        for i in range(6)
    ]
    server, scorer = StandIn(lambda body: 500 if number(body) == 5 else "red"), Pairwise()
    student = Student(
        student_id="s", task_id="t", task_version=1, recipe="finetune", base="b", trainset_id="x", created=1.0,
        base_url=server.url,
    )  # fmt: skip
    judge = MetricSpec(name="judge", judge=JudgeSettings(model="j"))
    try:
        found = await Evaluator(scorer=scorer, metric=judge, delta=0.03, min_units=2).run(student, rows, None)
    finally:
        server.close()
    said = [(i.candidate["content"], i.rival and i.rival["content"]) for i in scorer.items]
    assert said[:10] == [("red", "a fine red"), ("a fine red", "red")] * 5
    assert said[10:] == [("a fine red", None)] * 2  # nothing came: there is nothing to compare
    assert all(i.reference is None for i in scorer.items)
    assert found.screen.teacher_mean == 1.0
    assert found.screen.student_mean == pytest.approx(5 * 0.3 / 6)
    assert found.detail["teacher_with_itself"] is None
