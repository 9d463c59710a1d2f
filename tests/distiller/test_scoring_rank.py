from hypothesis import given
from hypothesis import strategies as st
from slowpath import exchange

from distiller.scoring.rank import compared, countable, known, of_teacher, rank
from store.vocabulary import ScoreSource

ORDER = list(ScoreSource)
KNOWN = st.dictionaries(st.sampled_from(ORDER), st.floats(0, 1))


@given(KNOWN)
def test_the_most_trusted_source_counts_and_nobody_else(said):
    ranked = rank(said)
    if not said:
        assert ranked is None
        return
    assert ranked.value == said[ranked.source]
    assert all(ORDER.index(ranked.source) <= ORDER.index(source) for source in said)


@given(KNOWN, KNOWN)
def test_what_less_trusted_sources_say_changes_nothing(said, more):
    ranked = rank(said)
    less = {s: v for s, v in more.items() if ranked and ORDER.index(s) > ORDER.index(ranked.source)}
    assert rank({**less, **said}) == ranked


@given(KNOWN, st.booleans())
def test_the_teacher_is_worth_nothing_by_its_own_word(said, judged):
    ranked = of_teacher(said, judged=judged)
    assert ranked is None or ranked.source is not ScoreSource.AGREEMENT
    without = {s: v for s, v in said.items() if s is not ScoreSource.AGREEMENT}
    assert of_teacher(without, judged=judged) == ranked
    assert (ranked is None) == (not set(said) & set(countable(judged=judged)))


@given(st.sampled_from(ORDER), st.booleans())
def test_a_metric_that_compared_with_a_correction_counts_as_one(source, corrected):
    assert compared(source, corrected=corrected) is (ScoreSource.CORRECTION if corrected else source)


def test_the_order_is_the_documented_one():
    assert [source.value for source in ORDER] == [
        "correction",
        "gold",
        "feedback",
        "signal",
        "metric",
        "judge",
        "agreement",
    ]


def test_everything_known_of_an_exchange_is_gathered():
    one = exchange(1, feedback=0.0, signal=0.9, gold=1.0, score=0.5, source="judge")
    assert known(one) == {
        ScoreSource.GOLD: 1.0,
        ScoreSource.FEEDBACK: 0.0,
        ScoreSource.SIGNAL: 0.9,
        ScoreSource.JUDGE: 0.5,
    }
    assert known(exchange(1)) == {}


def test_corrections_alone_are_no_sample_of_the_answers_but_a_judges_scores_are():
    said = {ScoreSource.CORRECTION: 0.25, ScoreSource.FEEDBACK: 1.0}
    assert of_teacher(said, judged=False).source is ScoreSource.FEEDBACK
    assert of_teacher(said, judged=True).source is ScoreSource.CORRECTION
    assert of_teacher({ScoreSource.CORRECTION: 0.25}, judged=False) is None
