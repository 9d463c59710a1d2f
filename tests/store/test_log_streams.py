"""What the router reads of the log beside drawn pairs: who was drawn, what users said, how fast the teacher is."""

import pytest
from msgspec.structs import replace
from storebuild import attempt, call, drawn_choice

from router.streams.ratio import Assigned
from store.ids import new_id
from store.vocabulary import Feedback, Outcome, Pairing, Role, Score, ScoreSource, Who

FP = "f" * 32


def one(text, who=Who.STUDENT, **fields):
    """A call that the draw decided, answered by whom it was drawn for."""
    made = call(text, ts=fields.pop("ts", 100.0), choice=drawn_choice(who, Pairing.NONE, **fields))
    return made, attempt(made, who=who)


def said(of, value, *, name="feedback", ts=200.0):
    return Score(
        attempt_id=of.attempt_id,
        call_id=of.call_id,
        name=name,
        version="1",
        value=value,
        source=ScoreSource(name),
        ts=ts,
    )


def test_units_are_counted_once_by_their_first_call_where_the_draw_decided(house):
    records = [one(f"s{i}") for i in range(3)] + [one(f"t{i}", Who.TEACHER) for i in range(5)]
    again = one("s0", Who.TEACHER)  # a later call of a unit that was counted
    barred = call("b", choice=replace(drawn_choice(Who.TEACHER, Pairing.NONE), reason="images"))
    unnamed = [call("", unit="", choice=drawn_choice(Who.TEACHER, Pairing.NONE)) for _ in range(2)]
    later = one("s9", step="canary_50")
    other = one("x", rollout_id="r2")
    for pair in (*records, again, (barred, attempt(barred)), later, other):
        house.add(*pair)
    house.add(*unnamed)
    found = [Assigned(**row) for row in house.log.assignments("r1", 0)]
    assert found == [Assigned("canary_25", 0.25, 3, 7), Assigned("canary_50", 0.25, 1, 0)]
    assert house.log.assignments("r1", house.log.newest_seq()) == []
    for text in ("v", "w"):
        house.add(call(text, user="ann", choice=drawn_choice(Who.STUDENT, Pairing.NONE, step="canary_5")))
    assert [
        row["student"] for row in house.log.assignments("r1", 0, by_user=True) if row["step"] == "canary_5"
    ] == [1]


def test_what_users_said_in_time_is_heard_and_silence_is_none(house):
    calls = {name: one(name, Who.TEACHER if name == "teacher" else Who.STUDENT) for name in (
        "bad", "good", "silent", "late", "corrected", "answer", "edited", "teacher",
    )}  # fmt: skip
    for pair in calls.values():
        house.add(*pair)
    again = one("bad")
    house.add(*again)
    house.log.add_scores(
        [
            *(
                said(calls["bad"][1], 0.0),
                said(calls["good"][1], 1.0),
                said(calls["late"][1], 0.0, ts=9000.0),
            ),
            *(said(calls["edited"][1], 0.1, name="signal"), said(calls["teacher"][1], 0.2)),
        ]
    )
    target = calls["answer"][1]
    for name in (calls["corrected"][0].call_id, f"chatcmpl-{target.attempt_id}"):
        house.add(Feedback(feedback_id=new_id(), ts=200.0, target=name, correction="so"))
    found = {h.unit: h for h in house.log.heard("r1", 0, 8, 0, 3600.0)}
    assert {unit for unit, h in found.items() if h.bad} == {"bad", "corrected", "answer", "edited", "teacher"}
    assert len(found) == 8
    assert (found["bad"].served_by, found["teacher"].served_by) == ("student", "teacher")
    assert (found["bad"].seq, found["bad"].step) == (1, "canary_25")
    assert house.log.heard("r1", 8, 9, 0, 3600.0) == [], "its conversation was heard before"
    assert [h.seq for h in house.log.heard("r1", 8, 9, 8, 3600.0)] == [9], "but not in this trial"
    assert house.log.speaks([FP])
    assert not house.log.speaks(["0" * 32])


def test_the_teachers_pace_is_known_from_what_apps_waited_for(house):
    assert house.log.newest_seq() == 0
    for i in range(21):
        made = call(str(i))
        house.add(made, attempt(made, duration_ms=100.0 * i))
    slow = call("s")
    house.add(slow, attempt(slow, duration_ms=90_000.0, outcome=Outcome.TIMEOUT))
    shadow = call("r")
    house.add(shadow, attempt(shadow, duration_ms=90_000.0, role=Role.REVERSE_SHADOW, served=False))
    assert house.log.teacher_ms([FP], least=21) == pytest.approx(1900.0)
    assert house.log.teacher_ms([FP], least=22) is None
    assert house.log.newest_seq() == 23
