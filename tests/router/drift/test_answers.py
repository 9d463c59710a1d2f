"""The shape of answers, and what it means when it changes."""

import json
import random

import pytest

from router.drift.answers import UNUSUAL, AnswerWatch, seen
from router.drift.settings import DriftPolicy
from router.drift.shape import CUT, REFUSED, look

POLICY = DriftPolicy()


def answer(content=None, finish="stop", **message):
    return {"choices": [{"message": {"content": content, **message}, "finish_reason": finish}]}


def says(content, outcome="complete", **more):
    found = look(answer(content, **more), outcome)
    assert found is not None
    return found


@pytest.mark.parametrize(
    ("content", "form", "more"),
    [
        (" Billing ", "“billing”", ()),
        ("A long answer that says rather a lot about it.", "text", ()),
        ('{"b": 1, "a": "x"}', "JSON with a, b", ('a = "x"',)),
        ('{"a": null, "b": true, "c": "' + 50 * "y" + '"}', "JSON with a, b, c", ("a = null", "b = true")),
        ("[1]", "“[1]”", ()),
        ("", "text", ()),
    ],
)
def test_what_an_answer_looks_like(content, form, more):
    found = says(content)
    assert found.form == form
    assert {form, *more} < found.traits
    assert len(found.traits) == 2 + len(more)


def test_tools_refusals_and_cuts():
    calls = [{"function": {"name": "search"}}, {"function": {"name": "book"}}, {"function": {"name": "book"}}]
    assert says(None, tool_calls=calls).form == "calling book, search"
    assert says(None, tool_calls=["odd"]).form == "calling None"
    assert says(None, refusal="No.").traits == {REFUSED}
    assert says("x", "refused").form == REFUSED
    assert CUT in says("x" * 90, "length").traits
    assert CUT in says("x" * 90, finish="length").traits
    assert look(None, "complete") is None
    assert look(answer("x"), "error") is None
    assert look(answer("x"), "deferred") == look(answer("x"), "complete")  # what it says, whoever receives it


def played(answers, watch=None):
    watch = watch or AnswerWatch(whose="teacher")
    for one in answers:
        watch = seen(watch, one, POLICY)
        watch = AnswerWatch.from_json(json.loads(json.dumps(watch.to_json())))
    return watch


def labels(dice, n, words=("refund", "delay", "other"), weights=(6, 3, 1)):
    return [says(word) for word in dice.choices(words, weights, k=n)]


@pytest.fixture(scope="module")
def settled():
    return played(labels(random.Random(1), 300))


def test_answers_that_stay_the_same_are_left_in_peace(settled):
    watch = played(labels(random.Random(2), 700), settled)
    assert (watch.found, watch.first, watch.looked) == (None, 300, 700)


@pytest.mark.parametrize(
    ("now", "trait"),
    [
        (lambda dice, n: [says(None, refusal="No.") if dice.random() < 0.3 else says("refund") for _ in range(n)], REFUSED),
        (lambda dice, n: labels(dice, n, weights=(2, 6, 2)), "“delay”"),
        (lambda dice, n: labels(dice, n, words=("refund", "REFUND NOW", "delay")), UNUSUAL),
        (lambda dice, n: [says('{"label": "refund"}') for _ in range(n)], UNUSUAL),
        (lambda dice, n: [says("refund", "length") for _ in range(n)], CUT),
    ],
)  # fmt: skip
def test_a_change_is_found_and_named(settled, now, trait):
    watch = played(now(random.Random(3), 250), settled)
    assert watch.found is not None
    assert watch.found.cause == "drift"
    assert watch.found.figures["trait"] == trait
    assert watch.found.why.startswith("The teacher's answers look otherwise than at the beginning: ")


def test_it_is_over_when_they_are_as_before(settled):
    changed = played([says(None, refusal="No.")] * 40, settled)
    assert changed.found is not None
    assert played(labels(random.Random(4), 150), changed).found is not None
    assert played(labels(random.Random(4), 220), changed).found is None


def test_a_rare_answer_is_never_kept_in_clear():
    rare = [says(f"zebra {i}") for i in range(9)]
    watch = played([*rare, *labels(random.Random(1), 100)])
    assert "zebra" not in json.dumps(watch.to_json())
    whole = played(labels(random.Random(1), 200), watch)
    assert "zebra" not in json.dumps(whole.to_json())
    assert "“refund”" in json.dumps(whole.to_json(), ensure_ascii=False)
    assert (whole.counts, whole.names) == ({}, {})
