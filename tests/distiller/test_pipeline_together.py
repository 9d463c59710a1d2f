"""Tasks that are trained together: one training, and for each a student, a screen and a verdict of its own."""

import json
from dataclasses import replace

import pytest
from slowpath import COLOURS, served
from test_pipeline import bench, right  # noqa: F401 - the same bench

from distiller.pipeline.companions import rows_beside
from distiller.settings import FinetuneSettings, Policies, TaskPolicy
from store.vocabulary import JobState, Verdict

SIZES = "Say how large the thing is. Answer with one word."
PRINT = "e" * 32
POLICY = TaskPolicy(ladder=("finetune",), finetune=FinetuneSettings(train_with=("sizes",)))


def of_sizes(body):
    return body["messages"][0]["content"] == SIZES


def only_colours(body):
    return "pink" if of_sizes(body) else right(body)


@pytest.fixture
def pair(bench, house):  # noqa: F811 - pytest's way
    def make(policy=POLICY, **options):
        one = bench(policy=policy, **options)
        house.task("sizes", (PRINT,), "h2")
        house.load(
            *(
                served(f"item {i}", COLOURS[i % 3], system=SIZES, fingerprint=PRINT, unit=f"sizes {i}")
                for i in range(100)
            )
        )
        return one

    return make


def jobs(one, task_id):
    return one.house.control.jobs(task_id)


async def settle(one):
    """Work until no job is open."""
    states = (JobState.QUEUED, JobState.RUNNING)
    await one.work(one.executor(), lambda: all(job.state not in states for job in one.house.control.jobs()))


async def test_one_training_makes_a_student_of_each_task(pair):
    b = pair()
    first = b.clock.order("colours")
    await settle(b)
    assert [(s.task_id, e.verdict) for s, e in b.announced] == [
        ("colours", Verdict.PASS), ("sizes", Verdict.PASS),
    ]  # fmt: skip
    (one, screen), (other, other_screen) = b.announced
    assert (one.weights, one.weights_sha256) == (other.weights, other.weights_sha256)
    assert one.trainsets == (one.trainset_id, other.trainset_id)
    assert other.trainsets == (other.trainset_id, one.trainset_id)
    assert len(list((b.house.root / "artifacts" / "students").iterdir())) == 1
    starts = b.house.root / "jobs" / first.job_id / "finetune" / "starts"
    assert starts.read_text().count("start") == 1
    assert (screen.n, other_screen.n, one.parity, other.parity) == (30, 30, 1.0, 1.0)
    for task_id, student in (("colours", one), ("sizes", other)):
        (trainset,) = b.house.control.trainsets(task_id)
        assert student.trainset_id == trainset.trainset_id
    (handed,) = jobs(b, "sizes")
    assert (handed.state, handed.result["handed_by"]) == (JobState.DONE, first.job_id)
    assert b.clock.tick() == []  # the second task has had its try


async def test_where_one_screen_fails_only_that_task_is_refused(pair):
    ladder = ("finetune", "base")
    b = pair(replace(POLICY, ladder=ladder), answer=only_colours, behaviour="other outputs")
    b.clock.order("colours")
    await settle(b)
    verdicts = {student.task_id: evaluation.verdict for student, evaluation in b.announced}
    assert verdicts == {"colours": Verdict.PASS, "sizes": Verdict.FAIL}
    (handed,) = jobs(b, "sizes")
    assert [rung["recipe"] for rung in handed.result["rungs"]] == ["finetune"]  # no climb of its own
    wanted = {server.student_id: server.wanted for server in b.house.control.servers()}
    assert wanted[handed.result["student_id"]] is False


async def test_a_job_that_waits_becomes_the_one_that_is_handed_on(pair):
    b = pair()
    b.clock.order("colours")
    waiting = b.clock.order("sizes")
    await settle(b)
    (job,) = jobs(b, "sizes")
    assert (job.job_id, job.state) == (waiting.job_id, JobState.DONE)
    assert not (b.house.root / "jobs" / job.job_id / "finetune").exists()


async def test_a_task_that_has_begun_a_job_teaches_and_goes_on_by_itself(pair):
    b = pair()
    b.clock.order("colours")
    begun = replace(b.clock.order("sizes"), due=9e9, result={"trainset_id": "x"})
    b.house.control.save_job(begun, b.house.epoch)
    await b.work(b.executor(), lambda: jobs(b, "colours")[0].state is JobState.DONE)
    assert [job.result for job in jobs(b, "sizes")] == [{"trainset_id": "x"}]
    ((student, _),) = b.announced
    assert len(student.trainsets) == 2


async def test_nobody_is_trained_with_another_tenants_calls(pair):
    b = pair()
    theirs = b.house.control.task("sizes")
    b.house.control.save_task(replace(theirs, tenant="else"), b.house.epoch)
    order = b.clock.order("colours")
    await settle(b)
    (job,) = jobs(b, "colours")
    assert job.result["without"] == {"sizes": "there is no other task of that name and tenant"}
    assert jobs(b, "sizes") == []
    ((student, _),) = b.announced
    assert student.trainsets == (student.trainset_id,)
    spec = json.loads((b.house.root / "jobs" / order.job_id / "finetune" / "spec.json").read_text())
    assert spec["beside"] == []


async def test_an_estimate_counts_the_rows_of_the_companions(pair):
    b = pair()
    task = b.house.control.task("colours")
    parts = b.parts
    known = {"log": parts.log, "control": parts.control, "settings": parts.settings}
    assert rows_beside(task, policies=parts.policies, **known) == 100
    assert rows_beside(task, policies=Policies(), **known) == 0


async def test_without_multitask_each_task_is_trained_by_itself(pair):
    own = replace(POLICY.finetune, multitask=False)
    b = pair(replace(POLICY, finetune=own))
    b.clock.order("colours")
    await settle(b)
    assert jobs(b, "sizes") == []
