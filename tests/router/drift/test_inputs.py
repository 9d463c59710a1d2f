"""The classifier two-sample test: it stays calm, it finds what changed, and says so in words. Adversarial test 7."""

import json
import random

import pytest
from traffic import USUAL, asked, text

from router.drift.features import marks, text_of
from router.drift.inputs import InputWatch
from router.drift.looking import Looking, explained
from router.drift.once import REACH, Once
from router.drift.settings import DriftPolicy
from router.drift.why import changed_words

POLICY = DriftPolicy(reference=400, window=200, every=100)


class Stream:
    """A rollout's requests, looked at as they come."""

    def __init__(self, seed, policy=POLICY, before=400):
        self.dice = random.Random(seed)
        self.seq = 0
        self.policy = policy
        self.before = self.make(before, USUAL)
        self.looking = Looking(self.before, [], policy)
        self.watch = InputWatch()
        self.latest = []

    def make(self, n, mix):
        made = [asked(self.seq + i + 1, text(self.dice, mix), 1.0) for i in range(n)]
        self.seq += n
        return made

    def come(self, n, mix, step=50):
        """Give after how many requests something was found, None for nothing."""
        for begun in range(0, n, step):
            new = self.make(min(step, n - begun), mix)
            self.latest = [*self.latest, *new][-self.policy.window :]
            self.watch = self.looking.look(self.watch, new)
            self.watch = InputWatch.from_json(json.loads(json.dumps(self.watch.to_json())))
            if self.watch.found is not None:
                return self.watch.found.figures["requests"]
        return None


@pytest.mark.parametrize("seed", range(2))
def test_inputs_that_stay_the_same_are_left_in_peace(seed):
    stream = Stream(seed)
    assert stream.come(800, USUAL) is None
    assert stream.watch.log_wealth < 8


CHANGES = {
    "a new kind at 20%": {**{kind: 0.8 * n for kind, n in USUAL.items()}, "refund": 2},
    "another mixture": {"weather": 1, "music": 1, "table": 2, "rating": 6},
    "another language": {"wetter": 1},
}


@pytest.mark.parametrize("seed", range(2))
@pytest.mark.parametrize("change", CHANGES)
def test_7_inputs_that_change_are_found(change, seed):
    stream = Stream(seed)
    assert stream.come(400, USUAL) is None
    found = stream.come(800, CHANGES[change])
    assert found is not None
    finding = stream.watch.found
    assert (finding.cause, finding.void, finding.serving) == ("drift", "", True)
    assert finding.figures["rate"] > finding.figures["rate_before"]
    assert finding.figures["log_wealth"] >= finding.figures["log_threshold"]
    assert finding.why.startswith("The requests are no longer those from before the rollout: ")


def test_what_was_found_is_over_when_the_requests_are_as_before():
    stream = Stream(5)
    stream.come(2000, {"refund": 1})
    assert stream.watch.found is not None
    for _ in range(3):
        stream.watch = stream.looking.look(stream.watch, stream.make(60, {"refund": 1}))
    assert stream.watch.found is not None
    for _ in range(8):
        stream.watch = stream.looking.look(stream.watch, stream.make(60, USUAL))
    assert stream.watch.found is None


def test_too_few_requests_from_before_test_nothing():
    stream = Stream(1, before=150)
    assert stream.come(600, {"refund": 1}) is None
    assert (stream.watch.reference, stream.watch.looked) == (150, 0)


def test_a_retry_burst_counts_once():
    stream = Stream(2)
    stream.come(100, USUAL)
    burst = [asked(10_000 + i, "refund my order 4711", 1.0, unit="one") for i in range(500)]
    watch = stream.looking.look(stream.watch, burst)
    assert watch.looked == stream.watch.looked + 1
    once = Once()
    assert [once.counts("a"), once.counts("a"), once.counts(""), once.counts("")] == [True, False, True, True]
    assert all(once.counts(f"b{i}") for i in range(REACH))
    assert once.counts("a")


def test_a_look_after_a_restart_goes_on():
    stream = Stream(4)
    stream.come(400, USUAL)
    again = Looking(stream.before, stream.latest, POLICY)
    watch = again.look(stream.watch, stream.make(50, USUAL))
    assert (watch.looked, watch.learnt) == (stream.watch.looked + 50, stream.watch.learnt + 1)
    assert watch.found is None


def test_the_words_that_changed_are_named_and_nobody_is_quoted():
    stream = Stream(6)
    stream.come(2000, {**USUAL, "refund": 6})
    latest = stream.make(200, {**USUAL, "refund": 6})
    latest[0] = asked(latest[0].seq, "my secret is xyzzy", 1.0)
    why = explained(stream.watch, stream.before, latest).found.why
    assert "More often said: " in why
    assert "order" in why
    assert "xyzzy" not in why
    assert changed_words(["a b"] * 30, ["a c"] * 30) == "More often said: c. Less often: b."
    assert changed_words(["a b"] * 9, ["a c"] * 9) == ""


def test_nothing_of_a_text_is_in_what_is_kept():
    stream = Stream(3)
    stream.come(600, {"refund": 1})
    kept = json.dumps(stream.watch.to_json())
    assert not any(word in kept for word in ("refund", "ulysses", "order"))


def test_a_request_is_read_by_what_its_user_asks_last():
    request = {
        "messages": [
            {"role": "system", "content": "S"},
            {"role": "user", "content": "first"},
            {"role": "user", "content": [{"type": "text", "text": "pay 17"}, {"type": "image_url"}]},
            {"role": "assistant", "content": "hm"},
        ]
    }
    assert text_of(request) == "pay 17"
    one, other = ({"messages": [{"role": "user", "content": f"pay {n}"}]} for n in (17, 230))
    assert marks(one).tolist() == marks(other).tolist()
    assert text_of({}) == text_of({"messages": [{"role": "user", "content": None}]}) == ""
    assert len(text_of({"messages": [{"role": "user", "content": "x" * 9000}]})) == 2001
