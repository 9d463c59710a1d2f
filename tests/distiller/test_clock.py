import asyncio
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st
from slowpath import COLOURS, served

from distiller.clock import Clock, Facts, why_not
from distiller.settings import DistillerSettings, Policies, SettingsError, TaskPolicy
from store.vocabulary import JobState, Rollout, State, TaskMode

SETTINGS = DistillerSettings(min_examples=20, min_passing=10)


def clock(house, **options):
    settings = options.pop("settings", SETTINGS)
    policies = options.pop("policies", Policies())
    return Clock(
        log=house.log, control=house.control, epoch=house.epoch, shapes=house.shapes(policies),
        policies=policies, settings=settings, **options,
    )  # fmt: skip


@given(
    st.builds(
        Facts,
        left_alone=st.booleans(),
        mode=st.sampled_from(TaskMode),
        open_job=st.booleans(),
        live_rollout=st.booleans(),
        complete=st.integers(0, 2000),
        seen=st.none() | st.integers(0, 2000),
    )
)
def test_nothing_is_queued_twice_or_under_a_rollout_or_without_news(facts):
    if why_not(facts, DistillerSettings()) is None:
        assert facts.mode is not TaskMode.OBSERVE
        assert not facts.left_alone
        assert not facts.open_job
        assert not facts.live_rollout
        assert facts.complete >= 500
        assert facts.seen is None or facts.complete >= 1.25 * facts.seen


def test_a_task_is_queued_once_it_is_ready(house):
    house.task()
    house.colours(19)
    ticking = clock(house)
    assert ticking.tick() == []
    house.load(served("thing 20", COLOURS[2]))
    (job,) = ticking.tick()
    assert (job.task_id, job.result) == ("colours", {"complete": 20})
    assert ticking.tick() == []


def test_bad_feedback_and_invalid_answers_keep_a_task_waiting(house):
    house.task()
    house.colours(9)
    house.load(*(served(f"empty {i}", " ") for i in range(20)))
    assert clock(house).tick() == []


def test_after_a_try_it_waits_for_new_calls(house):
    house.task()
    house.colours(20)
    ticking = clock(house)
    (job,) = ticking.tick()
    house.control.save_job(replace(job, state=JobState.FAILED), house.epoch)
    assert ticking.tick() == []
    house.load(*(served(f"new {i}", COLOURS[i % 3]) for i in range(5)))
    assert len(ticking.tick()) == 1


def test_a_rollout_holds_back_and_an_order_does_not_ask(house):
    house.task()
    house.colours(20)
    rollout = Rollout(
        rollout_id="r", task_id="colours", task_version=1, student_id="s", trial=1, state=State.SHADOW
    )
    house.control.create_rollout(rollout, house.epoch)
    ticking = clock(house)
    assert ticking.tick() == []
    assert ticking.order("colours").task_id == "colours"
    assert ticking.order("colours") is None
    assert ticking.order("nothing") is None


def test_an_observed_task_is_left_alone(house):
    house.task()
    house.colours(20)
    house.control.save_task(replace(house.control.task("colours"), mode=TaskMode.OBSERVE), house.epoch)
    assert clock(house, policies=Policies(default=TaskPolicy(mode=TaskMode.OBSERVE))).tick() == []


def test_an_ignored_task_is_left_alone(house):
    house.task()
    house.colours(20)
    house.control.save_task(replace(house.control.task("colours"), ignored=True), house.epoch)
    assert clock(house).tick() == []
    house.control.save_task(replace(house.control.task("colours"), ignored=False), house.epoch)
    assert [job.task_id for job in clock(house).tick()] == ["colours"]


async def test_it_ticks_by_itself(house):
    house.task()
    house.colours(20)
    ticking = clock(house, settings=replace(SETTINGS, tick_s=0.05))
    ticking.start()
    try:
        async with asyncio.timeout(20):
            while not house.control.jobs():  # noqa: ASYNC110
                await asyncio.sleep(0.02)
    finally:
        ticking.stop()


async def test_a_bad_schedule_is_named(house):
    with pytest.raises(SettingsError, match=r"distiller.schedule is 'often'"):
        clock(house, settings=replace(SETTINGS, schedule="often")).start()
