"""Budgets: nobody spends more than granted, whatever the order of things."""

from hypothesis import given
from hypothesis import strategies as st

from stillhouse.grants import DAY_S, Grants


class Clock:
    now = 0.0

    def __call__(self):
        return self.now


def test_an_unknown_token_is_nobody():
    grants = Grants(Clock())
    token = grants.issue("job", usd=1, calls=1)
    grants.revoke(token)
    assert grants.begin(token) is None
    assert grants.begin("") is None


@given(calls=st.integers(0, 20), tries=st.integers(0, 40))
def test_no_more_calls_than_granted(calls, tries):
    grants = Grants(Clock())
    token = grants.issue("job", usd=1, calls=calls)
    allowed = sum(grants.begin(token).exhausted is None for _ in range(tries))
    assert allowed == min(calls, tries)


@given(costs=st.lists(st.tuples(st.booleans(), st.floats(0, 1)), max_size=20), before=st.floats(0, 3))
def test_all_together_stop_at_the_ceiling_of_the_day(costs, before):
    clock = Clock()
    grants, spent = Grants(clock, usd_per_day=2, spent_usd=before), before
    tokens = [grants.issue(name, usd=100, calls=1000) for name in ("judge", "job")]
    for whose, cost in costs:
        seen = grants.begin(tokens[whose]).exhausted
        assert (seen is None) == (spent < 2)
        if seen is None:
            grants.spend(tokens[whose], cost)
            spent += cost
    clock.now += DAY_S
    assert grants.begin(tokens[0]).exhausted is None


def test_a_spent_ceiling_says_so():
    grants = Grants(Clock(), usd_per_day=0)
    token = grants.issue("judge", usd=1, calls=1)
    assert grants.begin(token).exhausted == "all together have spent the 0 dollars of today"


@given(costs=st.lists(st.floats(0, 2), max_size=20))
def test_spending_stops_after_the_call_that_reached_the_budget(costs):
    grants, spent = Grants(Clock()), 0.0
    token = grants.issue("job", usd=1, calls=1000)
    for cost in costs:
        allowed = grants.begin(token).exhausted is None
        assert allowed == (spent < 1)
        if allowed:
            spent += cost
            grants.spend(token, cost)


def test_a_daily_budget_comes_back():
    clock = Clock()
    grants = Grants(clock)
    token = grants.issue("judge", usd=1, calls=1, daily=True)
    assert grants.begin(token).exhausted is None
    assert "made its 1 calls" in grants.begin(token).exhausted
    clock.now = DAY_S
    assert grants.begin(token).exhausted is None


def test_tokens_are_not_kept():
    grants = Grants(Clock())
    token = grants.issue("job", usd=1, calls=1)
    assert token not in repr(vars(grants))
