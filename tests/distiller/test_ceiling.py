from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from distiller.evaluation import Ceiling, Judged, ceiling, decide
from distiller.evaluation.ceiling import evenly, interval
from store.vocabulary import SelfAgreement, Verdict

BLANK = SelfAgreement(task_id="t", task_version=1, metric="label", metric_version="1", ts=1.0)


@given(st.lists(st.floats(0, 1), min_size=1, max_size=60))
def test_the_interval_holds_the_mean_within_what_scores_can_be(values):
    found = interval(values)
    assert 0 <= found.lower <= found.mean <= found.upper <= 1
    assert found.mean == pytest.approx(sum(values) / len(values))


def test_the_interval_is_wilsons():
    found = interval([1.0] * 48 + [0.0] * 2)  # Wilson's for 48 of 50: .8654 to .9890
    assert (found.lower, found.upper) == pytest.approx((0.8654, 0.9890), abs=5e-4)
    perfect = interval([1.0] * 50)
    assert (perfect.mean, perfect.upper) == (1.0, 1.0)
    assert perfect.lower == pytest.approx(0.9287, abs=5e-4)


@given(st.integers(0, 300), st.integers(1, 60))
def test_what_is_asked_again_is_spread_over_all_calls(count, most):
    found = evenly(range(count), most)
    assert len(found) == min(count, most)
    assert found == sorted(set(found))
    gaps = [b - a for a, b in pairwise(found)]
    assert not gaps or max(gaps) - min(gaps) <= 1


def test_a_teacher_that_was_not_asked_is_taken_to_be_perfect_and_that_is_said():
    assert ceiling(None).mean == 1.0
    assert ceiling(None).words() == "the teacher's agreement with itself is not measured and taken as 1"
    failed = SelfAgreement(
        task_id="t", task_version=1, metric="label", metric_version="1", ts=1.0, why="no key"
    )
    assert (ceiling(failed).mean, ceiling(failed).n) == (1.0, 0)
    assert ceiling(failed).words().endswith("taken as 1: no key")


def judged(student, teacher, n=400):
    return [
        Judged(call_id=f"c{i}", unit=f"u{i}", student=float(i >= n * (1 - student)), teacher=teacher)
        for i in range(n)
    ]


def test_a_student_as_good_as_its_teacher_passes_against_the_teachers_own_agreement():
    """Both agree with the teacher's first answer nine times in ten."""
    against_one = decide(judged(0.9, 1.0), delta=0.03, parity=None, ceiling=Ceiling())
    assert against_one.verdict is Verdict.FAIL
    assert against_one.why.endswith("is not measured and taken as 1")
    measured = Ceiling(mean=0.9, n=50, lower=0.79, upper=0.96)
    found = decide(judged(0.9, measured.mean), delta=0.03, parity=None, ceiling=measured)
    assert found.verdict is Verdict.PASS
    assert found.teacher_mean == pytest.approx(0.9)
    assert found.why.endswith("the teacher agrees with itself 0.900 (n=50, 95%: 0.790 to 0.960)")


def test_where_the_teacher_is_scored_itself_nothing_is_said():
    found = decide(judged(0.9, 0.9), delta=0.03, parity=None)
    assert "itself" not in found.why
