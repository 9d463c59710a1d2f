import random
from math import inf

import pytest
from hypothesis import given
from hypothesis import strategies as st

from distiller.evaluation import Judged, Parity, compare, decide
from distiller.evaluation.bounds import lower_bound, t_quantile
from store.vocabulary import Verdict


def judged(n, *, wrong=0, unscored=0, failed=0, unit=None):
    return [
        Judged(
            call_id=f"c{i}",
            unit=unit or f"u{i}",
            student=None if i < unscored else float(i >= wrong),
            teacher=1.0,
            failed=i < failed,
        )
        for i in range(n)
    ]


# from the usual printed tables, t(.80)
@pytest.mark.parametrize(("freedom", "value"), [(5, 0.920), (10, 0.879), (30, 0.854), (199, 0.843)])
def test_the_quantile_is_that_of_the_tables(freedom, value):
    assert t_quantile(0.8, freedom) == pytest.approx(value, abs=0.001)


def test_the_bound_covers_the_mean_four_times_in_five():
    draw = random.Random(1)
    covered = sum(lower_bound([draw.gauss(0, 1) for _ in range(20)]) <= 0 for _ in range(2000))
    assert 0.77 < covered / 2000 < 0.83


@given(st.lists(st.floats(-1, 1), min_size=2, max_size=50))
def test_the_bound_never_exceeds_the_mean(values):
    assert lower_bound(values) <= sum(values) / len(values) + 1e-9


def test_one_value_bounds_nothing():
    assert lower_bound([1.0]) == -inf


def test_a_student_within_twice_the_margin_passes_the_screen():
    good = decide(judged(200, wrong=4), delta=0.03, parity=Parity(prompts=200, worse=2, better=1))
    assert good.verdict is Verdict.PASS
    assert good.delta_mean == pytest.approx(-0.02)
    assert good.delta_lower < good.delta_mean
    bad = decide(judged(200, wrong=20), delta=0.03, parity=Parity(prompts=200, worse=9, better=8))
    assert bad.verdict is Verdict.FAIL
    assert "80% lower bound" in bad.why


def test_too_few_conversations_prove_nothing():
    assert decide(judged(199), delta=0.03, parity=None).verdict is Verdict.INCONCLUSIVE
    one = decide(judged(400, unit="u"), delta=0.03, parity=None)
    assert one.verdict is Verdict.INCONCLUSIVE
    assert one.n == 1


def test_missing_scores_prove_nothing():
    found = decide(judged(300, unscored=9), delta=0.03, parity=None)
    assert found.verdict is Verdict.INCONCLUSIVE
    assert found.why == "9 of 300 held-out calls could not be scored"


def test_a_broken_set_up_is_an_error_in_words():
    assert decide(judged(200, wrong=200, failed=200), delta=0.03, parity=None).verdict is Verdict.ERROR
    found = decide(judged(200), delta=0.03, parity=Parity(prompts=200, worse=18, better=2))
    assert found.verdict is Verdict.ERROR
    assert "on 90.0% of 200 held-out prompts, and lower on 18, higher on 2" in found.why


def test_parity_is_over_what_both_have_a_score_for():
    found = compare({"a": 1.0, "b": 0.5, "c": None}, {"a": 1.0, "b": 0.0, "c": 1.0, "d": 1.0})
    assert found == Parity(prompts=2, worse=1, better=0)
    assert found.share == 0.5
    assert compare({}, {"a": 1.0}) is None


def test_near_ties_of_an_unsure_student_are_no_broken_set_up():
    unsure = Parity(prompts=200, worse=9, better=8)
    assert unsure.share < 0.98
    assert not unsure.broken
    assert unsure.p_worse == pytest.approx(0.5)
    assert Parity(prompts=200, worse=17, better=0).broken
    assert not Parity(prompts=200, worse=3, better=0).broken  # 98.5% the same


SCORES = st.dictionaries(st.text("abc", min_size=1, max_size=3), st.sampled_from([0.0, 0.5, 1.0]), min_size=1)


@given(SCORES)
def test_the_same_scores_are_at_parity(scores):
    found = compare(scores, scores)
    assert found == Parity(prompts=len(scores), worse=0, better=0)
    assert not found.broken


@given(SCORES, SCORES)
def test_parity_counts_each_common_prompt_once_and_mirrors(one, other):
    found, mirrored = compare(one, other), compare(other, one)
    if found is None or mirrored is None:
        assert not one.keys() & other.keys()
        return
    assert found.prompts == len(one.keys() & other.keys())
    assert (found.worse, found.better) == (mirrored.better, mirrored.worse)
    assert 0.0 <= found.share <= 1.0
    assert 0.0 < found.p_worse <= 1.0
