"""The breaker of one gateway worker: off within 20 calls without control, and no longer than control wants."""

import random

import pytest
from makers import Watch, rollout, student

from router import publish
from router.breaker import CONTROL_S, FAILED, Breaker
from router.feed import RouteFeed
from router.settings import RolloutPolicy
from store.control import Control
from store.vocabulary import Attempt, Outcome, Role, State, TaskVersion, Who

VERSION = TaskVersion(task_id="t", version=1, head_hash="h", fingerprints=("f",))


def served(outcome, student_id="s1", **changes) -> Attempt:
    given = {
        "attempt_id": "a",
        "call_id": "c",
        "ts": 1.0,
        "role": Role.SERVE,
        "who": Who.STUDENT,
        "served": False,
        "model": "m",
        "upstream": f"student:{student_id}",
        "student_id": student_id,
        "outcome": outcome,
    }
    return Attempt(**{**given, **changes})


def published(state=State.FULL):
    return publish.route(
        rollout(state, student_id="s1"), student(), VERSION, RolloutPolicy(), epoch=1, now=1.0, drawing=True
    )


@pytest.fixture
def live(tmp_path):
    """A control state with a route at full share, and a worker's feed of it."""
    clock, control = Watch(), Control.open(tmp_path / "control.sqlite")
    epoch = control.take_epoch("test")
    control.save_route(published(), epoch)
    control.heartbeat(epoch, clock.now)
    feed = RouteFeed(control, tmp_path / "STOP", clock)
    feed.refresh()
    yield control, epoch, feed, clock
    control.close()


def reasons(feed) -> set[str]:
    return {
        feed.choose(fingerprint="f", unit=str(i), call_id=str(i), barred=None).reason for i in range(50)
    } - {"holdback"}


@pytest.mark.parametrize("seed", range(20))
def test_whatever_came_before_a_failing_student_is_off_within_20_calls(seed):
    rng, breaker = random.Random(seed), Breaker()
    for _ in range(rng.randrange(60)):
        breaker.saw("s1", Outcome.COMPLETE if rng.random() < 0.85 else Outcome.REFUSED, 0.0)
    assert not breaker.off("s1")
    calls = 0
    while not breaker.off("s1"):
        calls += 1
        breaker.saw("s1", rng.choice(sorted(FAILED)), 0.0)
    assert calls == 5
    assert not breaker.off("s2")


def test_one_failure_in_five_calls_is_too_few_and_one_in_four_is_not():
    rare, often = Breaker(), Breaker()
    for i in range(200):
        rare.saw("s1", Outcome.TIMEOUT if i % 5 == 0 else Outcome.COMPLETE, 0.0)
        often.saw("s1", Outcome.TIMEOUT if i % 4 == 0 else Outcome.COMPLETE, 0.0)
    assert (rare.off("s1"), often.off("s1")) == (False, True)


def test_with_control_dead_the_teacher_answers_until_the_table_is_stale_and_after(live):
    _, _, feed, clock = live
    assert reasons(feed) == {"share"}
    for _ in range(5):
        feed.saw(served(Outcome.ERROR))
    for _ in range(5):  # what the app itself did, and what it never saw, trips nothing
        feed.saw(served(Outcome.ERROR, "s2", role=Role.SHADOW))
        feed.saw(served(Outcome.ERROR, None, who=Who.TEACHER))
    assert reasons(feed) == {"breaker"}
    clock.now += 59.0
    feed.refresh()
    assert reasons(feed) == {"breaker"}
    clock.now += 2.0
    assert reasons(feed) == {"stale_routes"}


def test_a_living_control_has_the_word_after_it_saw_the_same_calls(live):
    control, epoch, feed, clock = live
    for _ in range(5):
        feed.saw(served(Outcome.UPSTREAM_CUT))
    for wait, expected in ((CONTROL_S, "breaker"), (0.5, "share")):
        clock.now += wait
        control.heartbeat(epoch, clock.now)
        feed.refresh()
        assert reasons(feed) == {expected}
    for _ in range(4):
        feed.saw(served(Outcome.ERROR))
    assert reasons(feed) == {"share"}  # what led to it is forgotten
    feed.saw(served(Outcome.ERROR))
    assert reasons(feed) == {"breaker"}


def test_a_student_that_control_held_and_let_back_serves_at_once(live):
    control, epoch, feed, _ = live
    for _ in range(5):
        feed.saw(served(Outcome.TIMEOUT))
    held = rollout(State.HOLD, student_id="s1", held_from=State.FULL, serving=False)
    policy = RolloutPolicy()
    route = publish.route(held, student(), VERSION, policy, epoch=1, now=2.0, drawing=True)
    control.save_route(route, epoch)
    feed.refresh()
    assert reasons(feed) == {"shadow"}
    control.save_route(published(), epoch)
    feed.refresh()
    assert reasons(feed) == {"share"}
