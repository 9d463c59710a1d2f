"""Two replicas of control, one cut off: adversarial test 10 in its unit form."""

import random

import pytest
from makers import observation

from router.evidence import Evidence, merge, update
from router.feed import RouteFeed
from router.replay import differences
from store.errors import StaleEpoch
from store.vocabulary import State, Who


def students(feed) -> int:
    choices = (feed.choose(fingerprint="f", unit=str(i), call_id=str(i), barred=None).who for i in range(50))
    return sum(who == Who.STUDENT for who in choices)


class Cut:
    """A control state behind a network that may be cut."""

    def __init__(self, control):
        self._control, self.cut = control, False

    def __getattr__(self, name):
        if self.cut:
            raise OSError("the network is cut")
        return getattr(self._control, name)


def test_10_one_epoch_wins_and_the_replica_that_is_cut_off_serves_the_teacher(house, tmp_path):
    house.open()
    house.until(State.FULL)
    near, far = Cut(house.control), Cut(house.control)
    feeds = [RouteFeed(source, tmp_path / "STOP", house.clock) for source in (near, far)]
    for feed in feeds:
        feed.refresh()
        assert students(feed) > 40
    cut_off, old_epoch = house.controller, house.epoch
    far.cut = True
    house.epoch = house.control.take_epoch("the other side")
    house.controller = house.another()
    house.order("rollback")
    house.tick()
    with pytest.raises(StaleEpoch):
        cut_off.tick()  # it is back for a moment: what it decides is not kept
    for feed in feeds:
        feed.refresh()
    assert [students(feed) for feed in feeds] == [0, students(feeds[1])]
    house.tick(61.0)
    for feed in feeds:
        feed.refresh()
    assert (students(feeds[0]), students(feeds[1]), feeds[1].state()) == (0, 0, "stale")
    far.cut = False
    feeds[1].refresh()
    assert (students(feeds[1]), feeds[1].state()) == (0, "fresh")
    rows = house.control.transitions(rollout_id=house.latest().rollout_id)
    assert [row.epoch for row in rows] == sorted(row.epoch for row in rows)
    assert {row.epoch for row in rows} == {old_epoch, house.epoch}
    assert differences(house.latest(), rows, house.control.observations(house.latest().rollout_id)) == []


def test_10_counts_of_two_writers_merge_to_those_of_one():
    rng = random.Random("partition")
    seen = [
        observation(
            i + 1,
            rng.choice([0.0, 0.1, -0.3, 1.0, -1.0, None]),
            step=rng.choice([State.SHADOW, State.CANARY_5]),
            served_by=rng.choice(list(Who)),
            propensity=0.5,
        )
        for i in range(500)
    ]
    here = [o for o in seen if rng.random() < 0.4]
    there = [o for o in seen if o not in here]
    parts = [update(Evidence(delta=0.03), part).cells for part in (here, there)]
    whole = update(Evidence(delta=0.03), seen).cells
    assert merge(*parts) == merge(*reversed(parts)) == whole
