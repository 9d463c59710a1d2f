"""The whole way through the real stores: route table, journal, log, scores, controller, route table."""

import json
from dataclasses import replace
from pathlib import Path

from makers import FAST, House

from router.feed import RouteFeed
from router.replay import differences
from router.settings import RolloutPolicy
from store.ids import new_id
from store.ingester import Ingester
from store.journal.writer import SegmentWriter
from store.log import Log
from store.vocabulary import (
    Answer,
    Attempt,
    Call,
    Outcome,
    Pairing,
    Role,
    Score,
    ScoreSource,
    State,
    Who,
)


def read_answer(surface, content_type, status, raw):
    return Answer(completion=json.loads(raw) if raw else None)


class Town:
    """A gateway's part, played: what it chooses is journalled, ingested, scored."""

    def __init__(self, folder: Path, policy: RolloutPolicy = FAST, price: float | None = 0.0) -> None:
        self.log = Log.open(folder / "log.duckdb")
        self.writer = SegmentWriter(folder / "journal", "w0")
        self.ingester = Ingester(self.log, folder / "journal", read_answer, lambda *_: price)
        self.house = House(folder, policy)
        self.house.log = self.log
        self.house.controller = self.house.another()
        self.feed = RouteFeed(self.house.control, folder / "STOP", self.house.clock)
        self.served = []

    def calls(self, n: int, *, student_works: bool = True) -> None:
        scores = []
        for _ in range(n):
            scores += self._call(student_works)
        self.ingester.step()
        self.log.add_scores(scores)

    def _call(self, student_works) -> list[Score]:
        call_id, ts = new_id(), self.house.clock.now
        choice = self.feed.choose(fingerprint="f", unit=call_id, call_id=call_id, barred=None)
        body = json.dumps({"model": "m", "messages": [{"role": "user", "content": call_id}]}).encode()
        self.writer.append(
            Call(
                call_id=call_id, ts=ts, fingerprint="f", fp_version=1, unit=call_id, body=body, choice=choice
            )
        )
        roles = {Who.TEACHER: Role.SERVE}
        if choice.who == Who.STUDENT:
            rescue = Role.REVERSE_SHADOW if student_works else Role.FALLBACK
            roles = {Who.STUDENT: Role.SERVE, Who.TEACHER: rescue}
        elif choice.pairing == Pairing.SHADOW:
            roles[Who.STUDENT] = Role.SHADOW
        self.served.append(choice.who)
        return [
            s for who, role in roles.items() if (s := self._attempt(call_id, ts, who, role, student_works))
        ]

    def _attempt(self, call_id, ts, who, role, student_works) -> Score | None:
        works = who == Who.TEACHER or student_works
        made = Attempt(
            attempt_id=new_id(),
            call_id=call_id,
            ts=ts,
            role=role,
            who=who,
            served=works and role in {Role.SERVE, Role.FALLBACK},
            model="m",
            upstream="u",
            student_id="s1" if who == Who.STUDENT else None,
            outcome=Outcome.COMPLETE if works else Outcome.TIMEOUT,
            started=ts,
            body=b'{"choices": []}' if works else b"",
        )
        self.writer.append(made)
        if not works:
            return None
        return Score(
            attempt_id=made.attempt_id,
            call_id=call_id,
            name="score",
            version="1",
            value=1.0,
            source=ScoreSource.METRIC,
            ts=ts,
        )

    def close(self) -> None:
        self.house.close()
        self.writer.close()
        self.ingester.close()
        self.log.close()


def test_from_draft_to_full_and_back_through_the_real_stores(tmp_path):
    town = Town(tmp_path)
    house = town.house
    house.open()
    for _ in range(60):
        house.tick()
        town.feed.refresh()
        if house.state() == State.FULL:
            break
        town.calls(100)
    assert house.state() == State.FULL
    town.served.clear()
    town.calls(200)
    assert town.served.count(Who.STUDENT) > 180
    for _ in range(10):
        town.calls(10, student_works=False)
        house.tick()
        town.feed.refresh()
        if house.state() == State.ROLLED_BACK:
            break
    assert house.state() == State.ROLLED_BACK
    town.served.clear()
    town.calls(50)
    assert set(town.served) == {Who.TEACHER}
    rollout = house.latest()
    causes = [t.cause for t in house.control.transitions()]
    assert set(causes[7:]) <= {"breaker", "late_regression", "guardrail", "settled"}
    rows = house.control.observations(rollout.rollout_id)
    assert differences(rollout, house.control.transitions(), rows) == []
    assert FAST.delta == rollout.delta
    town.close()


def test_a_teacher_without_a_price_uses_up_the_days_money(tmp_path):
    town = Town(tmp_path, replace(FAST, shadow_usd_per_day=0.2), price=None)
    house = town.house
    house.open()
    for _ in range(60):
        house.tick()
        town.feed.refresh()
        if town.feed.route("f") is not None and town.feed.route("f").shadow == 0.0:
            break
        town.calls(100)
    [route] = house.control.routes()
    assert (route.shadow, route.reverse_shadow) == (0.0, 0.0)
    assert route.step != State.SHADOW  # shadowing costs nothing: the teacher was asked anyway
    since, roles = 0.0, [Role.SHADOW, Role.REVERSE_SHADOW]
    spent = town.log.spend(since, roles, house.policy.unknown_usd_per_call)
    assert spent >= 0.2
    assert town.log.spend(since, roles) == 0.0
    town.close()
