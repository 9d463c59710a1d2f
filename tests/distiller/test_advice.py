"""Advice as a pure rule: it says what was seen, and nothing about what was not."""

from __future__ import annotations

from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from distiller.advice import Case, advise

SOUND = Case(
    complete=3000, needed=500, train=2000, heldout=400, loss=0.01, student=0.98, teacher=1.0, base=0.2, parity=0.99,
    latency_ms=400.0, passed=True,
)  # fmt: skip


def names(case):
    return [one.name for one in advise(case)]


def test_each_trouble_has_its_words():
    failed = replace(SOUND, passed=False, student=0.8)
    assert names(SOUND) == ["task"]
    assert names(replace(SOUND, failed_live="It was 20 points worse.")) == ["rollout"]
    assert names(failed) == ["overfitting"]
    assert names(replace(failed, loss=0.4)) == ["underfitting"]
    assert names(replace(failed, train=300)) == ["thin data", "overfitting"]
    assert "no gain" in names(replace(failed, base=0.85))
    assert "rare answers" in names(replace(failed, labels=77, rarest=3))
    assert "left out" in names(
        replace(failed, left_out={"outcome error": 900, "several answers asked for": 20})
    )
    assert "long rows" in names(replace(failed, too_long=300))
    assert names(replace(SOUND, teacher=0.4)) == ["teacher"]
    assert names(replace(SOUND, ceiling=0.93)) == ["ceiling"]
    assert names(replace(SOUND, parity=0.9)) == ["parity"]
    assert names(replace(SOUND, latency_ms=5000.0)) == ["slow"]


def test_what_readiness_misses_comes_first():
    case = Case(complete=10, needed=500, missing=("10 of 500 complete calls, 490 more needed",))
    (one,) = advise(case)
    assert (one.name, one.text) == ("not ready", "10 of 500 complete calls, 490 more needed.")


@given(
    st.builds(
        Case,
        complete=st.integers(0, 10_000),
        needed=st.just(500),
        train=st.none() | st.integers(0, 5000),
        loss=st.none() | st.floats(0, 3),
        student=st.none() | st.floats(0, 1),
        teacher=st.none() | st.floats(0, 1),
        left_out=st.dictionaries(st.sampled_from(["a", "b"]), st.integers(1, 5000)),
        passed=st.booleans(),
    )
)
def test_something_is_always_said_and_a_passed_student_is_not_told_to_learn_more(case):
    found = advise(case)
    assert found
    assert all(one.text.endswith((".", ")")) for one in found)
    if case.passed:
        assert not {"thin data", "overfitting", "underfitting", "no gain"} & {one.name for one in found}
