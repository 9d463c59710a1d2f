"""A judge corrected by people: unbiased, bounded, and a lenient judge that promotes no worse student any more."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from makers import drawn

from router import betting
from router.pairs import Patience, single
from router.streams import gold
from store.vocabulary import ObservationKind, Outcome, Terms

scores = st.floats(-1, 1)
shares = st.floats(0.01, 0.99)
PATIENCE = Patience(score_s=900.0, conversation_s=900.0, label_s=7 * 86_400.0)
JUDGED = Terms(judged=True, gold=0.2)


@given(scores, scores, shares)
def test_whatever_the_judge_says_the_mean_is_what_people_say_and_the_bound_holds(judged, said, pi):
    asked = gold.rectified(judged, said, drawn=True, pi=pi)
    unasked = gold.rectified(judged, None, drawn=False, pi=pi)
    assert pi * asked + (1 - pi) * unasked == pytest.approx(said, abs=1e-9)
    assert max(abs(asked), abs(unasked)) <= gold.bound(pi) + 1e-9
    assert gold.rectified(judged, None, drawn=True, pi=pi) <= asked + 1e-9, "silence is the worst"


@given(st.lists(st.tuples(scores, scores, st.booleans()), min_size=1, max_size=40))
def test_the_scaled_test_is_the_test_of_psi_itself(rows):
    """log(1 + c (psi + delta) / (B - delta)), but for rounding against the claim."""
    pi, delta = 0.2, 0.03
    b = gold.bound(pi)
    psi = [gold.rectified(j, h, drawn=g, pi=pi) for j, h, g in rows]
    c = np.exp(np.linspace(np.log(0.05), np.log(0.97), 16))
    exact = np.log1p(c[None, :] * ((np.asarray(psi) + delta) / (b - delta))[:, None])
    table = betting.gains(-delta / b, b)
    got = table[[betting.bin_down(one / b, b) for one in psi]]
    assert (got <= exact + 1e-9).all()
    assert np.allclose(got, exact, atol=0.97 * 0.001 / (b - delta) / (1 - 0.97) + 1e-9)


def judged(seq=1, student=1.0, teacher=1.0, **changes):
    given = {"gold_propensity": 0.2, **changes}
    return drawn(seq, student, teacher, **given)


@pytest.mark.parametrize(
    ("row", "kind", "psi"),
    [
        (judged(), ObservationKind.PAIRED, 0.0),
        (judged(student=0.5), ObservationKind.PAIRED, -0.5),
        (judged(gold_drawn=True, student_gold=0.0, teacher_gold=1.0), ObservationKind.PAIRED, -5.0),
        (judged(gold_drawn=True, student_gold=1.0, teacher_gold=0.5), ObservationKind.PAIRED, 2.5),
        (
            judged(student=None, student_outcome=Outcome.TIMEOUT, gold_drawn=True, teacher_gold=0.5),
            ObservationKind.PAIRED,
            1.5,  # the judge said -1, the person -.5
        ),
        (judged(gold_propensity=0.1), ObservationKind.MISSING, -11.0),
        (judged(gold_propensity=None), ObservationKind.MISSING, -11.0),
        (judged(teacher=None, teacher_outcome=Outcome.LENGTH), ObservationKind.MISSING, -1.0),
    ],
)
def test_what_people_say_goes_into_the_difference(row, kind, psi):
    found = single(row, 0.0, PATIENCE, JUDGED)
    assert found.kind == kind
    assert found.d * gold.bound(0.2) == pytest.approx(psi)


def test_a_label_is_waited_for_and_then_the_worst_is_assumed():
    row = judged(gold_drawn=True, student_gold=1.0)
    assert single(row, 6 * 86_400.0, PATIENCE, JUDGED) is None
    late = single(row, 7 * 86_400.0, PATIENCE, JUDGED)
    assert (late.kind, late.d * gold.bound(0.2)) == (ObservationKind.MISSING, pytest.approx(-5.0))
    assert single(row, 0.0, PATIENCE).d == 0.0, "without gold the judge is believed"


def test_the_teacher_is_compared_with_what_it_reaches_itself():
    row = drawn(1, 1.0, 1.0, teacher_itself=True)
    assert single(row, 0.0, PATIENCE, Terms(ceiling=0.97)).d == pytest.approx(0.03)
    assert single(row, 0.0, PATIENCE).d == 0.0
    corrected = drawn(1, 0.0, 1.0)
    assert single(corrected, 0.0, PATIENCE, Terms(ceiling=0.97)).d == -1.0


def passes(psi, b, delta=0.03, alpha=0.025):
    """Say which runs ever reach the bar, looking after every pair. `psi` has shape (runs, pairs)."""
    table = betting.gains(-delta / b, b)
    low = np.floor(psi * betting.SCALE + 1e-9).astype(int) + betting.reach(b)
    return [bool((betting.wealth(np.cumsum(table[run], axis=0)) >= -np.log(alpha)).any()) for run in low]


def world(seed, runs, n, worse, lenient):
    """What people say of student and teacher, and a judge who takes a share of the student's wrong answers for right."""
    rng = np.random.default_rng(seed)
    teacher = rng.random((runs, n)) < 0.90
    student = teacher & (rng.random((runs, n)) >= worse / 0.90)  # only ever loses
    kind = student | (rng.random((runs, n)) < lenient)
    said, judged_ = student.astype(float) - teacher, kind.astype(float) - teacher
    return rng, said, judged_


def test_2_a_lenient_judge_promotes_a_worse_student_every_time_and_never_with_gold():
    pi, runs = 0.2, 40
    rng, said, judged_ = world(2, runs, 4000, worse=0.06, lenient=0.7)
    assert said.mean() == pytest.approx(-0.06, abs=0.002)
    assert sum(passes(judged_, 1.0)) == runs
    drawn_ = rng.random(said.shape) < pi
    psi = judged_ + drawn_ / pi * (said - judged_)
    assert sum(passes(psi, gold.bound(pi))) == 0


def test_an_equal_student_still_passes_with_gold_and_one_at_the_margin_does_not():
    pi, runs = 0.2, 24
    for worse, least, most in ((0.0, 12, runs), (0.03, 0, 2)):
        rng, said, judged_ = world(5, runs, 6000, worse=worse, lenient=0.0)
        noise = rng.random(said.shape) < 0.02
        judged_ = np.where(noise, 0.0, judged_)
        psi = judged_ + (rng.random(said.shape) < pi) / pi * (said - judged_)
        assert least <= sum(passes(psi, gold.bound(pi))) <= most
