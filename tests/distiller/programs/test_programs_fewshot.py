"""Examples: logged calls, none of them compared on, as many as help and as fit."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from promptkit import COLOURS, bench, copied, row

from distiller.programs.fewshot import FewShot
from distiller.programs.slices import slices, varied
from distiller.programs.wire import quoted
from distiller.training.errors import Stopped, TrainingError
from store.vocabulary import Program


def search(made):
    return FewShot(made.measure, made.wire, made.room, seed=0, tell=lambda *_: None)


def found(made):
    best = search(made).compile(made.student, trainset=made.sliced.learn, valset=made.sliced.validate)
    return made.wire.read(best)


def seen(body):
    """How many examples a request carries."""
    return (len(body["messages"]) - 2) // 2


def test_what_helps_the_student_is_taken_and_it_is_of_the_log(tmp_path):
    with bench(lambda body: copied(body) if seen(body) >= 4 else "dunno", tmp_path) as made:
        program = found(made)
        shown = list(zip(program.demos[::2], program.demos[1::2], strict=True))
        logged = [(e.request["messages"][1], e.completion) for e in made.sliced.learn]
        assert len(shown) == 4  # the fewest of those that do as well
        assert all(pair in logged for pair in shown)
        assert {answer["content"] for _, answer in shown} == set(COLOURS)
        assert program.head is None
        ids = {e.request["messages"][1]["content"]: e.call_id for e in made.sliced.learn}
        assert quoted(program, made.sliced.learn) == sorted(ids[asked["content"]] for asked, _ in shown)


def test_examples_that_do_not_help_are_not_given(tmp_path):
    with bench(copied, tmp_path) as made:
        assert found(made) == Program()


def test_examples_that_the_context_has_no_room_for_are_not_given(tmp_path):
    with bench(
        lambda body: copied(body) if seen(body) else "dunno", tmp_path, tokens=10 * (2 + 2 * 3)
    ) as made:
        assert 0 < len(found(made).demos) <= 2 * 3


def test_a_killed_search_asks_nothing_twice(tmp_path):
    with bench(lambda body: copied(body) if seen(body) >= 4 else "dunno", tmp_path) as made:
        first = found(made)
    with (tmp_path / "cache" / "answers.jsonl").open("a") as file:
        file.write('\n{"asked": "torn')
    with bench(lambda body: 500, tmp_path) as made:
        assert found(made) == first
        assert made.stand_in.bodies == []


def test_a_stop_ends_the_search(tmp_path):
    with bench(copied, tmp_path) as made:
        made.stopped = True
        with pytest.raises(Stopped):
            found(made)
        assert made.stand_in.bodies == []


def test_a_metric_that_cannot_score_ends_the_search_with_its_reason(tmp_path):
    with (
        bench(copied, tmp_path, metric="no such metric") as made,
        pytest.raises(TrainingError, match="scored"),
    ):
        found(made)


@given(st.lists(st.tuples(st.integers(0, 6), st.booleans()), min_size=1, max_size=60), st.integers(1, 20))
def test_no_conversation_is_learnt_from_and_compared_on(units, validation):
    data = [row(i, unit=f"u{unit}", passed=passed) for i, (unit, passed) in enumerate(units)]
    cut = slices(data, Program(), validation=validation)
    unit = {r["call_id"]: r["unit"] for r in data}
    assert not {unit[e.call_id] for e in cut.learn} & {unit[e.call_id] for e in cut.validate}
    assert all(e.passed for e in [*cut.learn, *cut.validate])
    assert len(cut.validate) <= validation


@given(st.integers(1, 40), st.integers(0, 5))
def test_the_first_examples_show_every_kind_of_answer(n, seed):
    examples = slices([row(i) for i in range(n)], Program(), validation=1).learn
    order = varied(examples, seed)
    assert sorted(e.call_id for e in order) == sorted(e.call_id for e in examples)
    kinds = {e.completion["content"] for e in examples}
    assert {e.completion["content"] for e in order[: len(kinds)]} == kinds
