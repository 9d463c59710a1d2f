import asyncio
import json
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest
from slowpath import COLOURS, InProcessScorer
from standin import StandIn

from distiller.clock import Clock
from distiller.pipeline import Executor, Parts, Pipeline
from distiller.serving import probe
from distiller.settings import DistillerSettings, FinetuneSettings, Policies, TaskPolicy, VllmSettings
from store.artifacts import Artifacts
from store.errors import NotFound, StaleEpoch
from store.vocabulary import Engine, JobState, Rollout, Server, State, Verdict

CHILD = (sys.executable, str(Path(__file__).parent / "fake_child.py"))
SETTINGS = DistillerSettings(
    min_examples=60, min_passing=40, screen_n=30, heldout_min=30, heldout_max=40, serve_timeout_s=5.0,
    lease_s=5.0,
)  # fmt: skip


def right(body):
    if body.get("max_tokens") == 1:
        return "H"  # asked whether it completes at all
    return COLOURS[int(body["messages"][-1]["content"].split()[-1]) % 3]


class Bench:
    """A task with calls, a stand-in supervisor, and everything a job needs."""

    def __init__(self, house, *, behaviour="work", answer=right, policy=None):
        self.house = house
        self.announced = []
        self.servers = {}
        self.answer = answer
        house.task()
        house.colours(100)
        (house.root / "jobs").mkdir()
        self.behave(behaviour)
        policies = Policies(default=policy or TaskPolicy(ladder=("finetune",)))
        self.parts = Parts(
            log=house.log,
            control=house.control,
            artifacts=Artifacts(house.root / "artifacts"),
            jobs=house.root / "jobs",
            epoch=house.epoch,
            shapes=house.shapes(policies),
            scorer=InProcessScorer(),
            on_student=self._on_student,
            settings=SETTINGS,
            policies=policies,
            child=lambda module: CHILD,
        )
        self.clock = Clock(
            log=house.log, control=house.control, epoch=house.epoch, shapes=self.parts.shapes,
            policies=policies, settings=SETTINGS,
        )  # fmt: skip

    def behave(self, behaviour):
        (self.house.root / "jobs" / "behaviour").write_text(behaviour)

    def _on_student(self, student, evaluation):
        self.announced.append((student, evaluation))

    def executor(self, **changes):
        parts = replace(self.parts, **changes)
        return Executor(Pipeline(parts), parts, poll_s=0.02)

    def supervise(self):
        """Start a server for each student that wants one, as the supervisor does."""
        for server in self.house.control.servers():
            if server.wanted and server.port not in self.servers:
                self.servers[server.port] = StandIn(self.answer, server.port)

    async def work(self, executor, done=None):
        """Run the executor until the newest job has ended."""
        running = asyncio.create_task(executor.run())
        try:
            async with asyncio.timeout(30):
                while not (done or self.ended)() and not running.done():
                    await asyncio.to_thread(self.supervise)
                    await asyncio.sleep(0.02)
        finally:
            running.cancel()
            await asyncio.wait([running])

    async def until_training(self):
        async with asyncio.timeout(20):
            while not (self.house.root / "jobs" / self.job.job_id / "finetune" / "starts").exists():  # noqa: ASYNC110
                await asyncio.sleep(0.02)

    def ended(self):
        return self.job.state in (JobState.DONE, JobState.FAILED, JobState.CANCELLED)

    @property
    def job(self):
        return self.house.control.jobs()[-1]

    def close(self):
        for server in self.servers.values():
            server.close()


@pytest.fixture
def bench(house):
    benches = []

    def make(**options):
        benches.append(Bench(house, **options))
        return benches[-1]

    yield make
    for one in benches:
        one.close()


async def test_a_vllm_serves_in_place_of_a_server_of_our_own(bench):
    b = bench()
    gpu = StandIn(right)
    vllm = VllmSettings(url=gpu.url, model="base-model")
    settings = replace(SETTINGS, student=replace(SETTINGS.student, vllm=vllm))
    assert len(b.clock.tick()) == 1
    await b.work(b.executor(settings=settings))
    ((student, evaluation),) = b.announced
    (server,) = b.house.control.servers()
    assert evaluation.verdict is Verdict.PASS
    assert (student.engine, student.base_url) == (Engine.VLLM, gpu.url)
    assert student.model.startswith("stillhouse-")  # the adapter's name there
    assert (server.engine, server.url, Path(server.weights).name) == (
        Engine.VLLM, gpu.url.removesuffix("/v1"), "adapter",
    )  # fmt: skip
    assert {body["model"] for body in gpu.bodies} == {student.model}
    gpu.close()


async def test_a_ready_task_becomes_an_evaluated_student(bench):
    b = bench()
    assert len(b.clock.tick()) == 1
    await b.work(b.executor())
    assert (b.job.state, b.job.error) == (JobState.DONE, None)
    ((student, evaluation),) = b.announced
    assert evaluation.verdict is Verdict.PASS
    assert (evaluation.n, evaluation.student_mean, evaluation.delta_lower) == (30, 1.0, 0.0)
    assert student.parity == 1.0
    (trainset,) = b.house.control.trainsets("colours")
    assert (trainset.train, trainset.heldout) == (70, 30)
    assert trainset.card["passing"] == 100
    weights = b.house.root / "artifacts" / student.weights
    assert (weights / "student.gguf").read_text() == "weights"
    assert student.base_url.endswith(f":{b.house.control.servers()[0].port}/v1")
    assert not student.capabilities.multi_turn
    assert "a human line" in (b.house.root / "jobs" / b.job.job_id / "finetune" / "log.txt").read_text()


async def test_the_same_rows_again_are_the_trainset_of_the_day_when_they_were_frozen(bench):
    b = bench()
    b.clock.tick()
    await b.work(b.executor())
    (first,) = b.house.control.trainsets("colours")
    assert b.clock.order("colours")
    await b.work(b.executor(now=lambda: first.created + 86_400.0))
    assert len(b.house.control.jobs()) == 2
    assert b.house.control.trainsets("colours") == [first]


async def test_what_is_asked_of_the_student_is_what_it_was_trained_on(bench):
    b = bench(policy=TaskPolicy(ladder=("internalised",)))
    b.clock.tick()
    await b.work(b.executor())
    ((student, _),) = b.announced
    assert student.program.silent
    (server,) = b.servers.values()
    asked = [body for body in server.bodies if body != probe.question(student.model)]
    assert all(body["model"] == student.model for body in server.bodies)
    assert all([m["role"] for m in body["messages"]] == ["user"] for body in asked)
    assert len(server.bodies) == len(asked) + 2  # before each of the two phases that need it
    assert len(asked) == 30  # at temperature 0 the parity prompts are the same requests
    spec = json.loads((b.house.root / "jobs" / b.job.job_id / "internalised" / "spec.json").read_text())
    assert spec["program"] == {"head": [], "demos": [], "head_hash": student.program.head_hash}


async def test_a_tasks_own_hyperparameters_make_its_trainset_and_its_student(bench):
    own = FinetuneSettings(train_kwargs={"max_rows": 40, "rank": 4, "epochs": 2})
    b = bench(policy=TaskPolicy(ladder=("finetune",), finetune=own))
    b.clock.tick()
    await b.work(b.executor())
    (trainset,) = b.house.control.trainsets("colours")
    assert trainset.train == 40
    spec = json.loads((b.house.root / "jobs" / b.job.job_id / "finetune" / "spec.json").read_text())
    assert (spec["rank"], spec["epochs"], spec["seed"]) == (4, 2, 0)
    assert spec["teaching"]["finetune"]["train_kwargs"] == own.train_kwargs


async def test_a_busy_server_that_leaves_prompts_unanswered_is_not_called_another_model(bench):
    def busy(body):
        number = (
            int((body["messages"][-1]["content"].split() or ["0"])[-1]) if body.get("max_tokens") != 1 else 0
        )
        return 504 if number % 10 == 1 else right(body)

    b = bench(answer=busy)
    b.clock.tick()
    await b.work(b.executor())
    ((student, evaluation),) = b.announced
    assert student.parity == 1.0
    assert evaluation.student_mean < 1.0  # for the screen, no answer is a wrong one
    assert evaluation.verdict is not Verdict.ERROR


async def test_a_worse_student_is_announced_with_its_verdict_and_not_served_on(bench):
    b = bench(answer=lambda body: "pink")
    b.behave("other outputs")
    b.clock.tick()
    await b.work(b.executor())
    ((_, evaluation),) = b.announced
    assert evaluation.verdict is Verdict.FAIL
    assert [s.wanted for s in b.house.control.servers()] == [False]
    assert evaluation.detail["worse"][0]["student"] == "pink"


async def test_a_served_student_that_is_not_the_trained_one_is_an_error_in_words(bench):
    b = bench(answer=lambda body: "pink")  # the trainer's own outputs were right
    b.clock.tick()
    await b.work(b.executor())
    assert b.job.state is JobState.FAILED
    assert "what is served is not what was trained" in b.job.error
    assert b.announced == []
    assert [s.wanted for s in b.house.control.servers()] == [False]


async def test_a_child_that_dies_is_started_again_and_goes_on(bench):
    b = bench(behaviour="die once")
    b.clock.tick()
    await b.work(b.executor())
    assert b.job.state is JobState.DONE
    assert (b.house.root / "jobs" / b.job.job_id / "finetune" / "starts").read_text().count("start") == 2
    assert [rung["verdict"] for rung in b.job.result["rungs"]] == ["pass"]


async def test_a_child_waits_for_the_orphan_of_a_killed_control(bench, house):
    b = bench()
    b.clock.tick()
    folder = house.root / "jobs" / b.job.job_id / "finetune"
    folder.mkdir(parents=True)
    command = [sys.executable, "-c", "import time; time.sleep(1.5)", str(folder)]
    orphan = subprocess.Popen(command)  # noqa: ASYNC220
    (folder / "child.pid").write_text(str(orphan.pid))
    await b.work(b.executor())
    assert b.job.state is JobState.DONE
    assert orphan.wait(0) == 0
    assert not (folder / "child.pid").exists()


async def test_a_child_that_fails_three_times_fails_the_job_with_its_own_sentence(bench):
    b = bench(behaviour="fail")
    b.clock.tick()
    await b.work(b.executor())
    assert (b.job.state, b.job.error) == (JobState.FAILED, "the base model is missing")
    assert (b.house.root / "jobs" / b.job.job_id / "finetune" / "starts").read_text().count("start") == 3


async def test_a_student_that_nobody_serves_fails_after_three_tries(bench, house):
    b = bench()
    b.supervise = lambda: None
    b.clock.tick()
    await b.work(b.executor(settings=replace(SETTINGS, serve_timeout_s=0.2)))
    assert b.job.state is JobState.FAILED
    assert "did not become healthy within 0.2 s" in b.job.error


async def test_a_server_that_is_healthy_and_completes_nothing_fails_the_phase(bench, house):
    b = bench(answer=lambda body: 500)
    b.clock.tick()
    await b.work(b.executor(settings=replace(SETTINGS, serve_timeout_s=0.5)))
    assert b.job.state is JobState.FAILED
    assert "must complete one token" in b.job.error
    assert len(b.servers) == 3  # each try had a fresh one


async def test_a_new_leader_goes_on_where_the_killed_one_stopped(bench, house):
    b = bench(behaviour="hang")
    b.clock.tick()
    begun = asyncio.create_task(b.executor().run())

    await b.until_training()
    epoch = house.control.take_epoch("second")  # the first leader is fenced off from now on
    b.behave("work")
    b.parts = replace(b.parts, epoch=epoch)
    trainset = b.job.result["trainset_id"]
    begun.cancel()
    await asyncio.wait([begun])
    await b.work(b.executor())
    assert b.job.state is JobState.DONE
    assert b.job.result["trainset_id"] == trainset
    assert len(house.control.trainsets("colours")) == 1


async def test_a_deposed_leader_stops_working(bench, house):
    b = bench()
    b.clock.tick()
    house.control.take_epoch("second")
    with pytest.raises(StaleEpoch):
        await b.executor().run()


async def test_a_running_and_a_queued_job_can_be_cancelled(bench, house):
    b = bench(behaviour="hang")
    (job,) = b.clock.tick()
    executor = b.executor()
    assert await executor.cancel(job.job_id)
    assert b.job.state is JobState.CANCELLED
    assert not await executor.cancel(job.job_id)
    job = b.clock.order("colours")
    running = asyncio.create_task(executor.run())
    await b.until_training()
    assert await executor.cancel(job.job_id)
    assert b.job.state is JobState.CANCELLED
    assert not running.done()
    running.cancel()
    await asyncio.wait([running])


async def test_a_shutdown_gives_the_job_back(bench, house):
    b = bench(behaviour="hang")
    b.clock.tick()
    running = asyncio.create_task(b.executor().run())
    await b.until_training()
    running.cancel()
    await asyncio.wait([running])
    assert b.job.state is JobState.QUEUED
    b.behave("work")
    await b.work(b.executor())
    assert b.job.state is JobState.DONE


async def test_a_job_is_given_back_and_begins_again_after_it_was_kept_still(bench, house):
    b = bench(behaviour="hang")
    b.clock.tick()
    executor = b.executor()
    running = asyncio.create_task(executor.run())
    await b.until_training()
    b.behave("work")
    async with executor.still():
        assert b.job.state is JobState.QUEUED
        starts = house.root / "jobs" / b.job.job_id / "finetune" / "starts"
        await asyncio.sleep(0.1)  # the executor polls each 0.02 s
        assert starts.read_text().split() == ["start"]
        assert b.job.state is JobState.QUEUED
    await b.work(executor)
    assert b.job.state is JobState.DONE
    assert starts.read_text().split() == ["start", "start"]
    running.cancel()
    await asyncio.wait([running])


async def test_a_rollout_that_was_begun_is_not_begun_twice(bench, house):
    b = bench()
    b.clock.tick()
    await b.work(b.executor())
    ((student, _),) = b.announced
    rollout = Rollout(
        rollout_id="r1", task_id="colours", task_version=1, student_id=student.student_id, trial=1,
        state=State.SHADOW, created=b.job.created + 1,
    )  # fmt: skip
    house.control.create_rollout(rollout, house.epoch)
    house.control.save_job(replace(b.job, state=JobState.QUEUED, phase="rollout"), house.epoch)
    await b.work(b.executor())
    assert len(b.announced) == 1


async def test_a_refused_student_is_not_served_on_and_its_job_says_why(bench, house):
    b = bench()
    b.parts = replace(b.parts, on_student=lambda *_: "another student is on its way")
    b.clock.tick()
    await b.work(b.executor())
    assert b.job.state is JobState.FAILED
    assert b.job.error.endswith("is not rolled out: another student is on its way")
    assert b.job.result["refused"] == "another student is on its way"
    assert [s.wanted for s in house.control.servers()] == [False]


async def test_no_server_outlives_a_job_that_came_to_nothing(bench, house):
    def gone(*_):
        raise NotFound("there is no such task")

    b = bench()
    b.parts = replace(b.parts, on_student=gone)
    b.clock.tick()
    await b.work(b.executor())
    assert "there is no such task" in b.job.error
    assert not await b.executor().step()
    assert [s.wanted for s in house.control.servers()] == [False]


async def test_the_server_of_a_finished_rollout_is_stopped(bench, house):
    b = bench()
    house.control.save_server(Server(student_id="old", port=1, weights="/x"), house.epoch)
    rollout = Rollout(
        rollout_id="r0", task_id="colours", task_version=1, student_id="old", trial=1, state=State.ROLLED_BACK
    )
    house.control.create_rollout(rollout, house.epoch)
    assert not await b.executor().step()
    assert [s.wanted for s in house.control.servers()] == [False]


async def test_the_ladder_is_climbed_no_further_than_needed(bench):
    """The base answers badly, so the next rung is tried; it passes, and the one above is not."""
    answered = {"base": 0, "other": 0}

    def by_rung(body):
        first = b.house.control.students("colours")[0].base_url
        wrong = body.get("max_tokens") != 1 and len(b.house.control.students("colours")) == 1
        answered["base" if wrong else "other"] += bool(first)
        return "mauve" if wrong else right(body)

    b = bench(answer=by_rung, policy=TaskPolicy(ladder=("base", "internalised", "finetune")))
    b.clock.tick()
    await b.work(b.executor())
    assert (b.job.state, b.job.error) == (JobState.DONE, None)
    rungs = [(rung["recipe"], rung["verdict"]) for rung in b.job.result["rungs"]]
    assert rungs == [("base", "fail"), ("internalised", "pass")]
    ((student, evaluation),) = b.announced
    assert (student.recipe, evaluation.verdict) == ("internalised", Verdict.PASS)
    assert b.job.result["student_id"] == student.student_id
    wanted = {server.student_id for server in b.house.control.servers() if server.wanted}
    assert wanted <= {student.student_id}
    assert len(b.house.control.students("colours")) == 2


async def test_a_student_with_examples_is_asked_with_them_and_a_rung_without_a_model_is_skipped(bench):
    b = bench(policy=TaskPolicy(ladder=("instructions", "fewshot")))
    b.clock.tick()
    await b.work(b.executor())
    first, second = b.job.result["rungs"]
    assert (first["recipe"], first["verdict"]) == ("instructions", "skipped")
    assert "no model is configured to rewrite instructions" in first["why"]
    assert (second["recipe"], second["verdict"]) == ("fewshot", "pass")
    ((student, _),) = b.announced
    assert [m["content"] for m in student.program.demos] == ["thing 0", "red"]
    (server,) = b.servers.values()
    asked = [body["messages"] for body in server.bodies if body != probe.question(student.model)]
    assert all([m["role"] for m in one] == ["system", "user", "assistant", "user"] for one in asked)
    assert all(one[1:3] == list(student.program.demos) for one in asked)


async def test_a_rung_that_cannot_be_made_is_left_for_the_next(bench):
    b = bench(behaviour="fail base", policy=TaskPolicy(ladder=("base", "finetune")))
    b.clock.tick()
    await b.work(b.executor())
    assert (b.job.state, b.job.error) == (JobState.DONE, None)
    first, second = b.job.result["rungs"]
    assert (first["recipe"], first["verdict"]) == ("base", "error")
    assert "the base model is missing" in first["why"]
    assert (second["recipe"], second["verdict"]) == ("finetune", "pass")


async def test_where_no_rung_passes_the_best_is_announced(bench):
    b = bench(answer=lambda body: "mauve", policy=TaskPolicy(ladder=("base", "finetune")))
    b.clock.tick()
    await b.work(b.executor())
    assert [rung["verdict"] for rung in b.job.result["rungs"]] == ["fail", "error"]
    ((student, evaluation),) = b.announced
    assert (student.recipe, evaluation.verdict) == ("base", Verdict.FAIL)
    assert not any(server.wanted for server in b.house.control.servers())


async def test_a_second_rung_has_checkpoints_of_its_own(bench):
    b = bench(
        behaviour="checkpoints",
        answer=lambda body: (
            right(body)
            if len(b.house.control.students("colours")) > 1 or body.get("max_tokens") == 1
            else "mauve"
        ),
        policy=TaskPolicy(ladder=("base", "finetune")),
    )
    b.clock.tick()
    await b.work(b.executor())
    assert [rung["verdict"] for rung in b.job.result["rungs"]] == ["fail", "pass"]
    assert b.job.error is None
