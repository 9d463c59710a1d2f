"""GEPA rewrites instructions: with the student's mistakes, within its budget, and never at the price of the answers."""

import io
import json

import dspy
import pytest
from promptkit import HEAD, bench, copied
from standin import StandIn

from distiller.programs.instructions import ROUNDS, Instructions
from distiller.programs.search import Search
from distiller.programs.spec import PromptSpec, Way
from distiller.scoring.about import HEADER
from distiller.scoring.spec import MetricSpec
from distiller.training.errors import Stopped, TrainingError
from distiller.training.report import Report
from distiller.training.spec import TrainSpec
from store.prompt import head_hash
from store.vocabulary import Program

BETTER = "Copy the colour that the thing is."


def obeys(body):
    """A student that answers right under the better instructions, and under the app's own one time in two."""
    known = body["messages"][0]["content"] == BETTER
    return copied(body) if known or "grey" in body["messages"][-1]["content"] else "dunno"


@pytest.fixture
def rewriter():
    """A model that rewrites, and what it was asked; `answers` are its statuses or texts, the last one for ever."""
    made = []

    def start(*answers):
        told = list(answers)
        stand_in = StandIn(lambda _: told.pop(0) if len(told) > 1 else told[0])
        made.append(stand_in)
        lm = dspy.LM("openai/rewriter", api_base=stand_in.url, api_key="k", cache=False, num_retries=0)
        return stand_in, lm

    yield start
    for one in made:
        one.close()


def rewritten(text):
    return json.dumps({"new_instruction": text})


def search(made, lm):
    return Instructions(made.measure, lm, seed=0, threads=2, watch=made.watch)


def found(made, lm):
    return made.wire.read(
        search(made, lm).compile(made.student, trainset=made.sliced.learn, valset=made.sliced.validate)
    )


def test_better_instructions_stand_in_place_of_the_apps_own(tmp_path, rewriter):
    stand_in, lm = rewriter(rewritten(BETTER))
    with bench(obeys, tmp_path) as made:
        program = found(made, lm)
        own = head_hash(made.sliced.learn[0].request)
        assert program == Program(head=({"role": "system", "content": BETTER},), head_hash=own)
        asked = json.dumps(stand_in.bodies[0])
        assert HEAD in asked
        assert "The right answer is" in asked
        assert "c0" not in asked
        known = {example.call_id for example in made.sliced.learn}
        named = set(stand_in.headers[0][HEADER].split(","))
        assert named <= known
        assert len(named) > 1
        assert len(made.stand_in.bodies) <= 2 * ROUNDS * len(made.sliced.validate)


def test_instructions_that_are_no_better_change_nothing(tmp_path, rewriter):
    _, lm = rewriter(rewritten("Say nothing."))
    with bench(obeys, tmp_path) as made:
        assert found(made, lm) == Program()


def test_examples_of_the_rung_below_stay(tmp_path, rewriter):
    _, lm = rewriter(rewritten(BETTER))
    start = Program(demos=({"role": "user", "content": "q"}, {"role": "assistant", "content": "a"}))
    with bench(obeys, tmp_path, start=start) as made:
        program = found(made, lm)
        assert program.demos == start.demos
        assert program.head[0]["content"] == BETTER


def test_a_model_that_cannot_be_asked_is_an_error_in_words(tmp_path, rewriter):
    stand_in, lm = rewriter(402)
    with bench(obeys, tmp_path) as made, pytest.raises(TrainingError, match="rewrote no instructions"):
        found(made, lm)
    assert len(stand_in.bodies) <= 2  # once, and without a response format


def test_a_budget_that_ends_leaves_what_was_found(tmp_path, rewriter):
    _, lm = rewriter(rewritten(BETTER), 402)
    with bench(obeys, tmp_path) as made:
        assert found(made, lm).head[0]["content"] == BETTER


def test_the_model_that_rewrites_is_asked_where_and_with_what_the_job_was_given(tmp_path, rewriter):
    stand_in, _ = rewriter(rewritten(BETTER))
    with bench(obeys, tmp_path) as made:
        train = TrainSpec(trainset=tmp_path, base=tmp_path, out=tmp_path, program=made.wire.start)
        search = Search(
            PromptSpec(
                way=Way.INSTRUCTIONS,
                train=train,
                metric=MetricSpec(name="label"),
                head_hash=head_hash(made.sliced.learn[0].request),
                optimizer_model="big",
                base_url=stand_in.url,
            ),
            measure=made.measure,
            wire=made.wire,
            room=made.room,
            report=Report(io.StringIO()),
            watch=made.watch,
            token="shi-of-the-job",
        )
        best = search.best(made.student, made.sliced, made.adapter)
        assert made.wire.read(best).head[0]["content"] == BETTER
    assert {body["model"] for body in stand_in.bodies} == {"big"}
    told = [{k.lower(): v for k, v in headers.items()} for headers in stand_in.headers]
    assert {headers["authorization"] for headers in told} == {"Bearer shi-of-the-job"}


def test_a_stop_ends_it(tmp_path, rewriter):
    _, lm = rewriter(rewritten(BETTER))
    with bench(obeys, tmp_path) as made:
        made.stopped = True
        with pytest.raises(Stopped):
            found(made, lm)
