import asyncio
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st
from slowpath import COLOURS, served

from distiller.clock import Clock
from distiller.due import Facts, wanted, why_not
from distiller.hours import hours, quiet
from distiller.settings import DistillerSettings, Policies, SettingsError, TaskPolicy
from store.vocabulary import JobState, Rollout, State, TaskMode, TaskVersion

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
        drifted=st.booleans(),
        failed_live=st.booleans(),
        age_s=st.floats(0, 1e8),
    )
)
def test_nothing_is_queued_twice_or_under_a_rollout_or_without_news(facts):
    if why_not(facts, DistillerSettings()) is None:
        assert facts.mode is not TaskMode.OBSERVE
        assert not facts.left_alone
        assert not facts.open_job
        assert not facts.live_rollout
        assert facts.complete >= 500
        new = facts.complete - (facts.seen or 0)
        enough = new >= 0.25 * (facts.seen or 0) or (facts.failed_live and new >= 200)
        assert facts.seen is None or facts.drifted or enough


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


def test_a_task_whose_student_failed_live_or_is_old_waits_for_fewer_calls():
    facts = Facts(
        mode=TaskMode.AUTO,
        open_job=False,
        live_rollout=False,
        complete=20_000,
        seen=19_000,
        age_s=8 * 86_400.0,
    )
    settings = DistillerSettings()
    assert wanted(facts, settings) == 4750
    assert wanted(replace(facts, failed_live=True), settings) == 200
    assert wanted(facts, replace(settings, max_age_days=7.0)) == 200
    assert wanted(facts, replace(settings, max_age_days=9.0)) == 4750


@given(st.times(), st.times(), st.datetimes())
def test_quiet_hours_and_their_opposite_share_no_minute(first, last, at):
    if first == last:
        return
    assert quiet(at, (first, last)) is not quiet(at, (last, first))


@pytest.mark.parametrize("text", ["8-18", "25:00-06:00", "08:00-18:75", "always"])
def test_hours_that_are_none_are_refused_in_words(text):
    with pytest.raises(SettingsError, match=r"distiller.quiet_hours: .* say them as 08:00-18:00"):
        DistillerSettings(quiet_hours=text)


def test_hours_as_people_write_them():
    assert hours("") is None
    first, last = hours("22:00 - 6:30")
    assert (first.hour, last.hour, last.minute) == (22, 6, 30)


def rolled(house, **fields):
    given = {"rollout_id": "r", "task_id": "colours", "task_version": 1, "student_id": "s", "trial": 1}
    rollout = Rollout(**{**given, "state": State.FULL, **fields})
    house.control.create_rollout(rollout, house.epoch)


@pytest.mark.parametrize(("held_from", "queued"), [(State.FULL, 1), (State.CANARY_5, 0)])
def test_drift_at_full_share_is_distilled_again_at_once_and_once(house, held_from, queued):
    house.task()
    house.colours(20)
    ticking = clock(house)
    (job,) = ticking.tick()
    house.control.save_job(replace(job, state=JobState.DONE), house.epoch)
    entered = job.created + 1.0
    rolled(house, state=State.HOLD, held_from=held_from, held_for=("drift",), entered=entered)
    found = clock(house, now=lambda: entered + 1.0).tick()
    assert len(found) == queued
    for one in found:
        house.control.save_job(replace(one, state=JobState.DONE), house.epoch)
    assert clock(house, now=lambda: entered + 2.0).tick() == []


def test_an_edited_prompt_is_distilled_whatever_becomes_of_the_old_ones_student(house):
    house.task()
    house.colours(40)
    (job,) = clock(house).tick()
    result = {**job.result, "task_version": 1}
    house.control.save_job(replace(job, state=JobState.DONE, result=result), house.epoch)
    rolled(house)
    version = TaskVersion(task_id="colours", version=2, head_hash="h2", fingerprints=("g" * 32,))
    house.control.save_version(version, house.epoch)
    assert clock(house).tick() == []
    house.load(*(served(f"new {i}", COLOURS[i % 3], fingerprint="g" * 32) for i in range(60)))
    assert [one.task_id for one in clock(house).tick()] == ["colours"]
