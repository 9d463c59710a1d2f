"""The ladder as a pure rule: each rung once, in order, no further than needed."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from distiller.recipes import LADDER, RECIPES, weights
from distiller.recipes.case import constant_head
from distiller.recipes.climb import SKIPPED, Rung, best, following
from distiller.settings import RUNGS, TaskPolicy
from store.vocabulary import Verdict

names = st.lists(st.sampled_from("abcdef"), min_size=1, max_size=6, unique=True)
verdicts = st.sampled_from([*Verdict])


def climb(ladder, unfit, found):
    """Climb to the end; return the rungs in their order."""
    climbed = []
    for _ in range(len(ladder) + 1):
        name, skipped = following(ladder, climbed, lambda name: "no" if name in unfit else None)
        climbed += skipped
        if name is None:
            return climbed
        number = len(climbed)
        climbed.append(
            Rung(
                recipe=name,
                verdict=found[name],
                why="",
                student_id=name,
                evaluation_id=name,
                lower=-number / 10,
            )
        )
    raise AssertionError("it never ends")


@given(names, st.sets(st.sampled_from("abcdef")), st.fixed_dictionaries(dict.fromkeys("abcdef", verdicts)))
def test_each_rung_is_tried_once_in_order_and_none_above_one_that_passed(ladder, unfit, found):
    climbed = climb(ladder, unfit, found)
    assert [rung.recipe for rung in climbed] == ladder[: len(climbed)]
    assert all((rung.verdict == SKIPPED) == (rung.recipe in unfit) for rung in climbed)
    passed = [i for i, rung in enumerate(climbed) if rung.passed]
    assert passed in ([], [len(climbed) - 1])
    if not passed:
        assert len(climbed) == len(ladder)


@given(names, st.fixed_dictionaries(dict.fromkeys("abcdef", verdicts)))
def test_what_passed_is_announced_else_the_best_that_was_evaluated(ladder, found):
    climbed = climb(ladder, set(), found)
    chosen = best(climbed)
    made = [rung for rung in climbed if rung.verdict != Verdict.ERROR]
    assert (chosen is None) == (not made)
    if chosen is not None:
        assert chosen.passed or all(
            not rung.passed and (rung.lower or 0.0) <= (chosen.lower or 0.0) for rung in made
        )


@given(names.map(tuple), verdicts)
def test_a_rung_survives_its_job(ladder, verdict):
    rung = Rung(recipe=ladder[0], verdict=verdict, why="because", lower=None)
    assert Rung.from_json(rung.to_json()) == rung


def test_the_settings_know_every_rung_and_only_those():
    assert set(RECIPES) == set(RUNGS)
    assert LADDER == RUNGS
    assert set(TaskPolicy().ladder) <= set(RECIPES)


def test_instructions_that_vary_or_are_none_are_no_constant_head():
    def ask(system):
        return {"messages": [*system, {"role": "user", "content": "x"}]}

    same = ask([{"role": "system", "content": "Be brief."}])
    assert constant_head([same] * 10) is not None
    assert constant_head([same] * 8 + [ask([{"role": "system", "content": "Else."}])] * 2) is None
    assert constant_head([ask([])] * 10) is None
    assert constant_head([]) is None


def test_without_the_local_extra_every_local_rung_says_how_to_get_it(monkeypatch):
    monkeypatch.setattr(weights, "find_spec", lambda name: None if name == "torch" else name)
    for name in ("base", "internalised", "finetune"):
        why = RECIPES[name].unfit(None)
        assert "torch is missing" in why
        assert 'pip install "stillhouse[local]"' in why
