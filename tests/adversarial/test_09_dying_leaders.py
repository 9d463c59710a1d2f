"""Adversarial 9: the deciding leader is ended before and after each write that it makes, and a standby goes on each time.

A write is whatever bears a leader's epoch, of controller, watchers and notices: no list of them is kept here. What a real kill -9 at a
random moment leaves, `tests/faults/test_fault_decisions.py` tries.
"""

import inspect
from collections import Counter
from dataclasses import replace
from itertools import pairwise

from makers import evaluation, student
from street import BRIEF, lively, words

from router.opening import open_rollout
from router.steps import CONSUMING, share, standing
from stillhouse.notices.post import Post
from store.vocabulary import State, Who

NAMES = ("kind", "name", "state", "consumed_seq", "step", "share", "position")  # what tells writes apart
POLICY = replace(BRIEF, hold_limit_s=3_600.0)


class Killed(BaseException):
    """Nothing of the leader runs after it."""


class Mortal:
    """A control state that ends its user at each write, once before it is kept and once after, in each turn."""

    def __init__(self, real):
        self._real, self.tried, self.living = real, Counter(), set()

    def __getattr__(self, name):
        real = getattr(self._real, name)
        if not callable(real) or "epoch" not in inspect.signature(real).parameters:
            return real

        def write(*args):
            said = args[0]
            mark = (name, said if isinstance(said, str) else tuple(str(getattr(said, n, "")) for n in NAMES))
            self._die((*mark, "before"))
            kept = real(*args)
            self._die((*mark, "after"))
            return kept

        return write

    def _die(self, mark):
        if mark not in self.living:
            self.living.add(mark)
            self.tried[mark[0], mark[-1]] += 1
            raise Killed


class Heard:
    """A channel that keeps what it is sent."""

    name = "heard"

    def __init__(self):
        self.notices = []

    async def send(self, notice):
        self.notices.append(notice)

    async def aclose(self):
        """Nothing is open."""


class Succession:
    """Leaders one after the other: each decides and tells until it dies; the next has a later epoch and no memory."""

    def __init__(self, street):
        self.street, self.sound, self.heard = street, street.control, Heard()
        self.deadly = Mortal(self.sound)
        Post(self.sound, [self.heard], street.epoch, clock=street.clock, watch=street.clock)
        self.sound.outbox_reader(self.heard.name, street.epoch)  # what comes from now on is for it

    async def turn(self, seconds=1.0):
        """Let time pass once, and lead until a leader has lived through all that there was to do."""
        self.street.clock.now += seconds
        self.deadly.living.clear()
        while not await self._lived():
            self.consistent()
        self.consistent()

    async def _lived(self):
        street = self.street
        street.epoch, street.control = self.sound.take_epoch("standby"), self.deadly
        try:
            street.controller = street.another()
            post = Post(self.deadly, [self.heard], street.epoch, clock=street.clock, watch=street.clock)
            street.tick(0.0)
            while await post.deliver(self.heard):
                pass
        except Killed:
            return False
        finally:
            street.control = self.sound
        return True

    def consistent(self):
        """The rollout, its last transition, its route and what the gateway holds say the same: the old state or the new one."""
        street, rollout = self.street, self.street.rollout
        street.feed.refresh()
        own = self.sound.transitions(rollout_id=rollout.rollout_id)
        assert all(later.source == earlier.target for earlier, later in pairwise(own))
        assert (own[-1].target if own else State.DRAFT) == rollout.state
        routes = [route for route in self.sound.routes() if route.rollout_id == rollout.rollout_id]
        held = [street.feed.route(name) for name in self.sound.versions("t")[0].fingerprints]
        if rollout.state not in CONSUMING:
            assert (routes, held) == ([], [None] * len(held))
            return
        assert [(r.step, r.share, r.salt) for r in routes] == [
            (standing(rollout), share(rollout, street.policy), rollout.salt)
        ]
        assert own[-1].share == routes[0].share
        assert all(route.share == routes[0].share for route in held)
        counted = Counter((o.stream, o.seq) for o in self.sound.observations(rollout.rollout_id))
        assert set(counted.values()) <= {1}


async def test_whichever_write_a_leader_dies_at_the_course_is_the_same_and_all_of_it_is_told(tmp_path):
    async with lively(tmp_path, POLICY) as (street, app):
        line = Succession(street)
        await line.turn()
        await app.ask(*words(20, start=50))
        await line.turn()
        await app.ask(*words(180, start=100))
        await line.turn()
        assert street.path[2:] == [("canary_1", "gate_passed")]
        orders = [street.order("pause"), street.order("resume")]
        await line.turn()
        street.student.fault = broken
        await app.ask_student(*words(5, start=500))
        await line.turn()
        assert street.path[-1] == ("hold", "breaker")
        await line.turn(POLICY.hold_limit_s + 1)
        await line.turn()
        assert street.path == [
            *(("offline", "created"), ("shadow", "screen_passed"), ("canary_1", "gate_passed")),
            *(("hold", "paused"), ("canary_1", "resumed"), ("hold", "breaker")),
            *(("rolling_back", "held_too_long"), ("rolled_back", "settled")),
        ]
        assert street.replayed() == []
        first = street.rollout.rollout_id
        newer, found = student("s2", base_url="http://127.0.0.1:9/v1"), evaluation("s2")
        street.control.save_student(newer, street.epoch)
        street.control.save_evaluation(found, street.epoch)
        open_rollout(street.control, newer, found, POLICY, epoch=street.epoch, clock=street.clock)
        await line.turn()
        assert street.path == [("offline", "created"), ("shadow", "screen_passed")]
        assert street.control.task("t").trials == 2
        carried = [t.inputs["order"]["order_id"] for t in line.sound.transitions() if "order" in t.inputs]
        assert carried == orders
        assert {order.outcome for order in line.sound.orders(pending=False)} == {"done"}
        told(line, first)
        killed = {name for name, _ in line.deadly.tried}
        assert {
            "transition",
            "finish_order",
            "save_route",
            "observe",
            "save_outbox_reader",
            "heartbeat",
        } <= killed
        assert all(line.deadly.tried[name, when] for name in killed for when in ("before", "after"))
        choices = {r.choice.who for r in street.journal.records if hasattr(r, "choice")}
        assert choices == {Who.TEACHER, Who.STUDENT}


def told(line, first):
    """Every decision that is told was told, in order; one may have come again, at once and under its own id."""
    heard = [notice.notice_id for notice in line.heard.notices]
    once = [one for i, one in enumerate(heard) if i == 0 or heard[i - 1] != one]
    assert len(once) == len(set(once)), "a notice came again after a later one"
    causes = [n.cause for n in {n.notice_id: n for n in line.heard.notices}.values() if n.rollout_id == first]
    assert causes == ["gate_passed", "paused", "resumed", "breaker", "held_too_long"]


async def broken(seen, out):
    """Be a server that fails."""
    await out.whole(500, b"{}")
