"""Pages of calls: what each wish lets through, page after page, and how far a search for a text looked."""

import random

import pytest
from msgspec.structs import replace
from storebuild import attempt, body, call, drawn_choice, paired

from store.log import CallFilter
from store.vocabulary import Outcome, Pairing, Score, ScoreSource, Who


def seqs(house, **fields):
    return [row.seq for row in house.log.calls(CallFilter(**fields)).rows]


def walk(house, **fields):
    """All pages, one after the other."""
    found, before = [], None
    while True:
        page = house.log.calls(CallFilter(before_seq=before, **fields))
        assert page.next_seq is None or before is None or page.next_seq < before
        found += [row.seq for row in page.rows]
        before = page.next_seq
        if before is None:
            return found


def score(of, value, name="acc", ts=1.0):
    fields = {"name": name, "version": "1", "source": ScoreSource.METRIC}
    return Score(attempt_id=of.attempt_id, call_id=of.call_id, value=value, ts=ts, **fields)


def test_an_empty_log_has_an_empty_page(house):
    page = house.log.calls(CallFilter())
    assert (page.rows, page.next_seq, page.complete) == ((), None, True)


def test_calls_are_found_by_route_key_and_score(house):
    made = [call(str(n), key_id=f"k{n % 2}") for n in range(4)]
    answers = [attempt(one) for one in made]
    odd = replace(drawn_choice(Who.STUDENT, Pairing.NONE, step="full"), reason="holdback")
    routed, pair = call("routed", choice=odd), paired("p", Who.TEACHER)
    house.add(*made, *answers, routed, *pair)
    house.log.add_scores(
        [score(answers[0], 0.9), score(answers[0], 0.1, ts=2.0), score(answers[1], 0.8), score(pair[2], 0.0)]
    )
    house.log.add_scores([score(answers[2], 0.05, name="other")])
    assert seqs(house, key_id="k1") == [4, 2]
    assert seqs(house, step="full") == seqs(house, reason="holdback") == [5]
    assert seqs(house, score_max=0.5) == [3, 1], "the latest counts, of the served answer"
    assert seqs(house, score_max=0.5, score_name="acc") == [1]
    assert seqs(house, score_min=0.5) == [2]
    assert seqs(house, score_name="acc") == [2, 1]


@pytest.mark.parametrize("text", ["needle", 'a "quoted" word', "Zürich", "two\nlines"])
def test_a_text_is_found_in_request_head_and_answer(house, text):
    plain = [call(f"{n}") for n in range(3)]
    asked = call("x", body=body(f"so {text} it is"))
    headed = call("y", body=body("y", system=f"Mind {text}!"))
    raw, answered, broken = call("z", body=b"\xff " + text.encode()), call("a"), call("b")
    failed = attempt(broken, outcome=Outcome.ERROR, status=500, body=b"\xff oh: " + text.encode())
    house.add(*plain, asked, headed, raw, answered, attempt(answered, text=text), broken, failed)
    assert seqs(house, text=text) == [8, 7, 6, 5, 4]
    assert seqs(house, text=text.upper()) == []


def test_in_bytes_a_text_begins_where_a_byte_does(house):
    house.add(call("x", body=b"\xff r_"), call("y", body=b"\xff 5%"))  # r_ is 72 5f, and % is 25
    assert seqs(house, text="%") == [2]


def test_a_search_says_how_far_it_looked(house, monkeypatch):
    monkeypatch.setattr("store.log.paging._FIRST", 5)
    house.add(*(call(f"number {n:02}") for n in range(40)))
    page = house.log.calls(CallFilter(text="number 00", limit=1, budget_s=0.0))
    assert (page.rows, page.next_seq, page.complete) == ((), 36, False)
    assert walk(house, text="number 00", limit=1, budget_s=0.0) == [1]
    page = house.log.calls(CallFilter(text="number 39", limit=1, budget_s=0.0))
    assert ([row.seq for row in page.rows], page.next_seq, page.complete) == ([40], 40, True)
    assert seqs(house, text="number 00", budget_s=60.0) == [1]


def test_pages_follow_one_another_over_gaps_and_files(house, monkeypatch):
    monkeypatch.setattr("store.log.paging._FIRST", 3)
    rng = random.Random(5)
    day = 86_400.0
    made = [call(str(n), ts=1_767_225_600.0 + n * day, tenant=rng.choice("ab")) for n in range(80)]
    house.add(*made, *(attempt(one, who=rng.choice(list(Who))) for one in made))
    house.log.seal(made[60].ts)
    house.log.erase(rng.sample([one.call_id for one in made], 30))
    left = {house.log.call(one.call_id).seq: one for one in made if house.log.call(one.call_id)}
    assert len(left) == 50
    for limit in (1, 4, 50, 1000):
        assert walk(house, limit=limit) == sorted(left, reverse=True)
        of_a = [seq for seq in sorted(left, reverse=True) if left[seq].tenant == "a"]
        assert walk(house, limit=limit, tenant="a") == of_a
        early = [seq for seq in sorted(left, reverse=True) if left[seq].ts < made[20].ts]
        assert walk(house, limit=limit, until_ts=made[20].ts) == early


@pytest.mark.parametrize("newest_first", [True, False])
def test_exchanges_are_picked_over_gaps_and_files(house, newest_first):
    rng = random.Random(6)
    day = 86_400.0
    made = [call(str(n), ts=1_767_225_600.0 + n * day, fingerprint=rng.choice("aab") * 32) for n in range(80)]
    house.add(*made, *(attempt(one) for one in made))
    house.log.seal(made[60].ts)
    house.log.erase(rng.sample([one.call_id for one in made], 30))
    left = [one.call_id for one in made if one.fingerprint == "b" * 32 and house.log.call(one.call_id)]
    assert 5 < len(left) < 30
    if newest_first:
        left.reverse()
    for limit in (1, 2, 5, len(left), 1000):
        found = house.log.exchanges(["b" * 32], limit=limit, newest_first=newest_first)
        assert [one.call_id for one in found] == left[:limit]
    assert house.log.exchanges(["b" * 32], limit=0, newest_first=newest_first) == []
