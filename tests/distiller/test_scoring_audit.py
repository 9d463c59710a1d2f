import pytest
from hypothesis import given
from hypothesis import strategies as st

from distiller.scoring.audit import Labelled, bias, value_of

LABELS = st.lists(st.builds(Labelled, judge=st.floats(0, 1), gold=st.floats(0, 1)), min_size=1, max_size=50)


@given(LABELS)
def test_the_interval_holds_the_mean_and_turns_with_the_sign(labelled):
    found = bias(labelled, 0.5)
    turned = bias([Labelled(judge=one.gold, gold=one.judge) for one in labelled], 0.5)
    assert -1 <= found.lower <= found.mean <= found.upper <= 1
    assert (turned.mean, turned.lower, turned.upper) == pytest.approx(
        (-found.mean, -found.upper, -found.lower)
    )
    assert turned.agreement == found.agreement
    assert found.n == len(labelled)


@given(LABELS)
def test_a_judge_that_says_what_people_say_has_no_bias(labelled):
    found = bias([Labelled(judge=one.gold, gold=one.gold) for one in labelled], 0.5)
    assert (found.mean, found.agreement) == (0.0, 1.0)


def test_nothing_is_known_without_labels_and_little_with_two():
    assert bias([], 0.5) is None
    two = bias([Labelled(judge=1.0, gold=0.0)] * 2, 0.5)
    assert (two.lower, two.upper, two.agreement) == (-1.0, 1.0, 0.0)


def test_the_figures_are_said():
    found = bias([Labelled(judge=1.0, gold=float(n % 4 > 0)) for n in range(40)], 0.5)
    assert found.words().startswith("judge less person +0.250 (95%: +0.1")
    assert "same verdict on 75% of 40 answers" in found.words()


@pytest.mark.parametrize(("label", "value"), [("good", 1.0), ("bad", 0.0), ("0.8", 0.8), ("1", 1.0)])
def test_a_label_is_a_word_or_a_number(label, value):
    assert value_of(label) == value


@pytest.mark.parametrize("label", ["", "fine", "1.1", "-0.5", "nan", "inf"])
def test_any_other_label_is_refused_in_a_sentence(label):
    with pytest.raises(ValueError, match="good, bad or a number from 0 to 1"):
        value_of(label)
