"""What the log says to whoever watches a task's traffic: requests and answers, by nobody's choice."""

from storebuild import attempt, call, paired

from store.vocabulary import Origin, Who

FP = "f" * 32


def test_inputs_are_the_newest_requests_whoever_answers_them(house):
    calls = [call(f"text {i}", ts=100.0 + i) for i in range(5)]
    pair, student, _ = paired("a pair", Who.STUDENT, ts=105.0)
    house.add(*calls, call(origin=Origin.INTERNAL), call(fingerprint="e" * 32), pair, student)
    found = house.log.inputs([FP], after_seq=1, limit=4)
    assert [one.call_id for one in found] == [*(c.call_id for c in calls[2:]), pair.call_id]
    assert found[0].request["messages"][-1]["content"] == "text 2"
    assert (found[0].seq, found[0].ts, found[0].unit) == (3, 102.0, "text 2")
    before = house.log.inputs([FP], after_seq=0, limit=4, before_ts=102.0)
    assert [one.call_id for one in before] == [c.call_id for c in calls[:2]]


def test_replies_are_all_that_answered(house):
    waiting = call("waiting")
    first, theirs, ours = paired("one", Who.TEACHER)
    second, student, teacher = paired("two", Who.STUDENT)
    unreadable = call("three")
    broken = attempt(unreadable, body=b"<html>")
    house.add(waiting, first, theirs, ours, second, student, teacher, unreadable, broken)
    found = house.log.replies([FP], after_seq=0, limit=10)
    assert {one.attempt_id for one in found} == {
        one.attempt_id for one in (theirs, ours, student, teacher, broken)
    }
    one = next(reply for reply in found if reply.attempt_id == teacher.attempt_id)
    assert (one.seq, one.who, one.role, one.upstream) == (3, "teacher", "reverse_shadow", "openai")
    assert (one.reason, one.unit, one.outcome) == ("share", "two", "complete")
    assert one.completion["choices"][0]["message"]["content"] == "teacher says two"
    assert next(r for r in found if r.attempt_id == broken.attempt_id).completion is None
    assert [r.call_id for r in house.log.replies([FP], after_seq=0, limit=1)] == [unreadable.call_id]
