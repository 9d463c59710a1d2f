"""Killed and doubled leaders: a decision is there whole or not at all, and is made once."""

import random
import time
from collections import Counter
from contextlib import closing
from itertools import pairwise

import psutil
import pytest
from faultapps import Apps
from faultbooks import Books
from faulthouse import TASK, plant_rollout
from faultnursery import Nursery
from housekit import until
from makers import House as Cutover

from router.steps import CONSUMING, standing
from store.control import Control
from store.control import database as control_database
from store.errors import StaleEpoch, StoreError
from store.paths import DataFolder
from store.sql import Migration, migrations
from store.vocabulary import State

KILLS = 60


def test_sixty_killed_leaders_leave_every_decision_whole(tmp_path):
    rng, decided = random.Random("decisions"), []
    with Nursery.of("faultleader.py", tmp_path, "router") as nursery:
        for _ in range(KILLS):
            nursery.life(lines=rng.randrange(5), then_s=rng.uniform(0.0, 0.01))
            with closing(Control.open(tmp_path / "control.sqlite")) as control:
                transitions = control.transitions()
                assert transitions[: len(decided)] == decided, "what was decided stays decided"
                decided = transitions
                check_whole(control)
    assert len(decided) > KILLS
    assert {State.FULL, State.HOLD, State.ROLLED_BACK} <= {transition.target for transition in decided}
    assert {"judge_outage", "cleared", "teacher_changed", "renewed"} <= {made.cause for made in decided}


def check_whole(control):
    """Rollout, its last transition and the route agree; no order was carried out twice."""
    transitions, routes = control.transitions(), {route.rollout_id: route for route in control.routes()}
    for rollout in control.rollouts():
        own = [t for t in transitions if t.rollout_id == rollout.rollout_id]
        assert all(later.source == earlier.target for earlier, later in pairwise(own))
        route = routes.pop(rollout.rollout_id, None)
        if not own:
            assert (rollout.state, route) == (State.DRAFT, None)
            continue
        assert (own[0].source, own[-1].target, own[-1].why) == (State.DRAFT, rollout.state, rollout.reason)
        if rollout.state in CONSUMING:
            assert (route.step, route.share, route.salt) == (standing(rollout), own[-1].share, rollout.salt)
            assert control.task(rollout.task_id).trials >= rollout.trial, "a trial that nobody counted"
        else:
            assert route is None
    assert not routes, "a route of no rollout"
    carried_out = Counter(t.inputs["order"]["order_id"] for t in transitions if "order" in t.inputs)
    for order in control.orders(pending=False):
        assert carried_out[order.order_id] in ({0, 1} if order.outcome is None else {order.outcome == "done"})


def test_of_two_leaders_the_later_one_decides_and_the_earlier_leaves_nothing(tmp_path):
    earlier, later = Cutover(tmp_path), Cutover(tmp_path)
    later.open()
    later.until(State.SHADOW)
    before = later.control.transitions(), later.control.rollouts(), later.control.routes()
    order = earlier.order("force")  # an operator's wish needs no epoch
    for write in (
        earlier.tick,
        lambda: earlier.open("s2"),
        lambda: earlier.control.save_route(before[2][0], 1),
    ):
        with pytest.raises(StaleEpoch):
            write()
    assert (later.control.transitions(), later.control.rollouts(), later.control.routes()) == before
    assert later.outcome_of(order) is None
    later.tick()
    assert (later.outcome_of(order), later.state()) == ("done", State.CANARY_1)
    check_whole(later.control)
    for house in (earlier, later):
        house.close()


def test_a_migration_keeps_the_rows_both_ways_and_leaves_nothing_when_it_fails(tmp_path, monkeypatch):
    house = Cutover(tmp_path)
    house.open()
    house.until(State.SHADOW)
    add, drop = "ALTER TABLE rollouts ADD COLUMN colour TEXT", "ALTER TABLE rollouts DROP COLUMN colour"
    second = Migration(version=2, forward=(add,), back=(drop,))
    broken = Migration(version=3, forward=(drop, "INSERT INTO nowhere VALUES (1)"), back=())
    known = migrations("control")
    rows = (
        house.control.rollouts(),
        house.control.transitions(),
        house.control.routes(),
        house.control.tasks(),
    )
    for steps, goal, fails in (((second,), 2, False), ((second, broken), 3, True), ((second,), 1, False)):
        monkeypatch.setattr(control_database, "migrations", lambda _, more=steps: (*known, *more))
        if fails:
            with pytest.raises(StoreError):
                house.control.migrate(goal)
        else:
            house.control.migrate(goal)
        state = house.control
        assert (state.rollouts(), state.transitions(), state.routes(), state.tasks()) == rows
    house.close()


def opened(process, *names):
    """Whether a process has a file open whose name ends so."""
    return any(file.path.endswith(names) for file in psutil.Process(process.pid).open_files())


def test_a_standby_takes_over_from_a_killed_control_and_decides_nothing_twice(house, upstream, cases):
    """Control and standby take turns at dying, each with an order just given."""
    house.set(policy={"mode": "auto"})
    with closing(Control.open(DataFolder(house.data).create().control)) as control:
        plant_rollout(control)
        house.start()
        apps = Apps(house.base_url, retries=40)
        with apps.steadily(cases, at_once=2):
            until(lambda: control.rollouts()[0].state == State.SHADOW, "shadow")
            took = []
            for verb in ("pause", "resume") * 2:
                with house.standby() as standby, house.ask() as client:
                    assert not opened(standby, "log.duckdb", "control.sqlite", ".seg"), (
                        "it opened what it must not"
                    )
                    client.order(TASK, verb)
                    time.sleep(cases.rng.uniform(0.0, 0.5))
                    house.kill_9("control")
                    killed = time.time()
                    until(lambda least=killed: control.heartbeat_at() > least, "a new leader", patience=10.0)
                    took.append(round(time.time() - killed, 1))
                    until(lambda: not control.orders(), "the order's outcome")
                    assert standby.poll() is None
                house.ready()
        print(f"seconds until the next leader: {took}")
        orders = control.orders(pending=False)
        assert [order.outcome for order in orders] == ["done"] * 4
        given = [t for t in control.transitions() if "order" in t.inputs]
        assert [t.target for t in given] == [State.HOLD, State.SHADOW] * 2
        check_whole(control)
    house.emptied()
    Books(house).check(upstream, apps)
