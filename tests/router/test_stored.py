"""Outages of the store: what begins one, what ends it, and that a rollout waits for that."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st
from makers import FAST, rollout

from router.streams.stored import LAG_S, QUIET_S, Books, Stored, StoreWatch, outage, seen
from store.vocabulary import State

books = st.builds(
    Books, lag_s=st.floats(0, 300), lost=st.dictionaries(st.sampled_from("ab"), st.integers(0, 50))
)


def played(looks, every=5.0):
    known, now = Stored(), 0.0
    for now, one in enumerate(looks):
        known = seen(known, one, now * every)
    return known, now * every


@given(st.lists(books, min_size=1, max_size=30), st.floats(0, 1000))
def test_an_outage_ends_a_minute_after_the_last_look_that_found_it_and_never_before(looks, later):
    known, now = played(looks)
    most = [{}]
    for one in looks:
        most.append({name: max(most[-1].get(name, 0), one.lost.get(name, 0)) for name in "ab"})
    bad = [
        n * 5.0
        for n, one in enumerate(looks)
        if one.lag_s > LAG_S or (n and any(one.lost.get(name, 0) > most[n][name] for name in "ab"))
    ]
    assert (outage(known, now + later) is not None) == (bool(bad) and now + later - bad[-1] < QUIET_S)


@given(st.integers(0, 10**9), st.lists(st.floats(0, LAG_S), min_size=1, max_size=20))
def test_what_was_lost_before_anybody_looked_is_no_outage_of_now(lost, lags):
    known, now = played([Books(lag, {"w": lost}) for lag in lags])
    assert outage(known, now) is None


def test_the_losses_of_one_outage_are_counted_together():
    known, now = played([Books(0, {"w": 5}), Books(0, {"w": 7}), Books(0, {}), Books(200, {"w": 8, "v": 2})])
    found = outage(known, now)
    assert (found.cause, found.void, found.serving) == ("store_outage", "interval", True)
    assert found.figures == {"lost": 5, "lag_s": 200}
    again = seen(
        seen(known, Books(0, {"w": 8, "v": 2}), now + 10 * QUIET_S),
        Books(0, {"w": 9, "v": 2}),
        now + 10 * QUIET_S + 5,
    )
    assert again.more == 1


@pytest.mark.parametrize("state", [State.SHADOW, State.CANARY_25, State.FULL, State.HOLD])
def test_a_watch_finds_it_for_every_rollout_that_compares(state):
    ledger, clock = [Books(0, {})], [100.0]
    watch = StoreWatch(lambda: ledger[0], lambda: clock[0])
    held = replace(rollout(State.CANARY_5), state=state, held_from=State.CANARY_5)
    assert watch(held, FAST) == []
    ledger[0] = Books(0, {"w": 3})
    assert [one.figures["lost"] for one in watch(held, FAST)] == [3]
    assert watch(replace(held, state=State.ROLLED_BACK), FAST) == []
    for _ in range(7):
        clock[0] += 10.0
        found = watch(held, FAST)
    assert found == []
    ledger[0] = None
    assert watch(held, FAST) == []


def test_what_was_lost_while_no_rollout_asked_is_none_of_the_next_ones():
    ledger, clock = [Books(0, {"w": 1})], [100.0]
    watch = StoreWatch(lambda: ledger[0], lambda: clock[0])
    assert watch(rollout(State.CANARY_5), FAST) == []
    ledger[0], clock[0] = Books(0, {"w": 9}), 100.0 + QUIET_S
    assert watch(rollout(State.CANARY_5), FAST) == []
    ledger[0], clock[0] = Books(0, {"w": 10}), clock[0] + 1.0
    assert watch(rollout(State.CANARY_5), FAST)
