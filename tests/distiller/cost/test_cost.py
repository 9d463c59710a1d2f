"""Costs as properties: nothing is counted twice, nothing unknown is called zero."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from distiller.cost import Served, Speed, estimate, savings
from distiller.cost.estimate import too_dear
from store.log import RoleCost

usd = st.floats(0, 1000)
count = st.integers(0, 10_000)
LADDER = ("base", "classifier", "fewshot", "instructions", "finetune", "both")


def served_by(who, attempts, each, *, role="serve", recent=0):
    return RoleCost(
        role=role, who=who, attempts=attempts, priced=attempts, usd=attempts * each, recent=recent
    )


def test_a_day_of_students_pays_for_their_training_or_says_when_it_will():
    rows = [
        served_by("teacher", 1000, 0.01),
        served_by("student", 500, 0.0, recent=500),
        served_by("student", 300, 0.0, role="shadow"),
        served_by("teacher", 100, 0.01, role="reverse_shadow"),
    ]
    found = savings(rows, Served(training_s=3600, serving_s=86_400, days=1.0), usd_per_hour=0.1)
    assert found.gross_usd == 5.0
    assert (found.pairs_usd, found.training_usd, round(found.serving_usd, 6)) == (1.0, 0.1, 2.4)
    assert round(found.net_usd, 6) == 1.5
    assert found.break_even_days == 0
    later = savings(rows, Served(training_usd=20.0, days=1.0))
    assert later.net_usd == -16.0
    assert later.break_even_days == 4.0
    assert "reached in 4.0 days" in later.words


def test_what_the_teacher_costs_is_never_guessed():
    unpriced = RoleCost(role="serve", who="teacher", attempts=10, priced=0, usd=0.0, recent=0)
    found = savings([unpriced, served_by("student", 5, 0.0)], Served(days=1.0))
    assert (found.teacher_usd, found.gross_usd, found.net_usd, found.break_even_days) == (None,) * 4
    assert "not known" in found.words


def test_a_student_that_costs_more_than_its_teacher_never_breaks_even():
    rows = [served_by("teacher", 10, 0.01), served_by("student", 10, 0.02, recent=10)]
    found = savings(rows, Served(days=2.0))
    assert found.net_usd < 0
    assert found.break_even_days is None
    assert "not nearer" in found.words


@given(count, count, usd, usd, usd)
def test_net_is_gross_less_every_cost(teacher, student, each, judge, training):
    rows = [served_by("teacher", teacher, each), served_by("student", student, 0.0, recent=student)]
    found = savings(rows, Served(judge_usd=judge, training_usd=training, days=3.0))
    if teacher == 0:
        assert found.net_usd is None
        return
    parts = found.pairs_usd + found.judge_usd + found.training_usd + found.serving_usd
    assert abs(found.gross_usd - parts - found.net_usd) < 1e-6
    assert (found.break_even_days == 0) == (found.net_usd >= 0)


@given(st.lists(st.sampled_from(LADDER), max_size=6, unique=True), count, st.sampled_from(LADDER))
def test_another_rung_never_makes_a_climb_cheaper(ladder, rows, more):
    def told(names):
        return estimate(
            names,
            rows=rows,
            heldout=200,
            characters=400.0,
            epochs=2,
            speed=Speed(),
            usd_per_hour=1.0,
            optimizer_usd=2.0,
        )

    assert told([*ladder, more]).seconds >= told(ladder).seconds
    assert told([*ladder, more]).usd >= told(ladder).usd


def test_a_climb_beyond_the_cap_is_not_begun():
    dear = estimate(["both"], rows=10, heldout=10, characters=10, epochs=1, speed=Speed(), optimizer_usd=3.0)
    assert too_dear(dear, 5.0) is None
    assert too_dear(dear, 1.0) == "it may cost $3.00, and distiller.max_usd is $1.00"
    free = estimate(["base"], rows=10, heldout=10, characters=10, epochs=1, speed=Speed(), optimizer_usd=3.0)
    assert free.usd == 0


@pytest.mark.parametrize("rung", ["finetune", "internalised", "service"])
def test_a_model_as_the_teacher_counts_where_weights_are_trained(rung):
    known = {"rows": 10, "heldout": 10, "characters": 10, "epochs": 1, "speed": Speed(), "optimizer_usd": 3.0}
    assert estimate([rung], **known, taught=True).usd == 3.0
    assert estimate([rung], **known).usd == 0.0
    assert estimate(["base"], **known, taught=True).usd == 0.0
