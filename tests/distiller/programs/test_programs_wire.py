"""One meaning of a program: what is compared, trained, evaluated and served are the same words."""

import json
from dataclasses import asdict

import dspy
from hypothesis import given, settings
from hypothesis import strategies as st
from promptkit import ask, bench, copied, row

from distiller.evaluation import ask as evaluation
from distiller.programs.replay import ReplayLM
from distiller.programs.verbatim import AnswerCall
from distiller.programs.verdict import passed
from distiller.programs.wire import Wire, WireAdapter, Wording
from distiller.training.rows import read_rows
from gateway.student.asking import rewritten
from store.program import read, rewrite
from store.prompt import head_hash, leading
from store.vocabulary import Program

words = st.text(st.characters(codec="utf-8"), max_size=30).map(lambda text: f"a{text}z")
heads = st.lists(words, min_size=1, max_size=2)
demos = st.lists(st.tuples(words, words), max_size=3)


def request(head, tail):
    system = [{"role": "system", "content": text} for text in head]
    return {"model": "m", "messages": [*system, {"role": "user", "content": tail}]}


def wire_and_predictor(head, rewriting, shots):
    """A predictor as an optimiser leaves it: with other instructions, with bootstrapped demos."""
    asked = request(head, "x")
    wire = Wire(Wording.of([asked], head_hash(asked)), Program())
    predictor = dspy.Predict(wire.predictor(None).signature)
    if rewriting:
        predictor.signature = predictor.signature.with_instructions(rewriting)
    predictor.demos = [
        dspy.Example(
            augmented=True,
            call_id=str(i),
            request=request(head, question),
            completion={"role": "assistant", "content": answer},
        )
        for i, (question, answer) in enumerate(shots)
    ]
    return wire, predictor


@settings(max_examples=60)
@given(heads, words, st.none() | words, demos)
def test_a_predictor_says_the_same_where_it_is_compared_trained_evaluated_and_served(
    head, tail, rewriting, shots
):
    wire, predictor = wire_and_predictor(head, rewriting, shots)
    program = wire.read(predictor)
    asked = request(head, tail)
    inputs = {"call_id": "c", "request": asked}
    adapter = WireAdapter({}.__getitem__, wire)
    compared = adapter.format(predictor.signature, predictor.demos, inputs)
    answer = {"role": "assistant", "content": "a"}
    trained = adapter.format_finetune_data(
        predictor.signature, predictor.demos, inputs, {"completion": answer}
    )
    assert trained["messages"] == [*compared, answer]
    evaluated = rewrite(asked, read(json.loads(json.dumps(asdict(program)))))
    assert evaluated["messages"] == compared
    body = json.dumps(asked).encode()
    served = json.loads(rewritten(body, program, leading(asked["messages"])))
    assert served["messages"] == compared
    assert [m["content"] for m in compared[-1 - 2 * len(shots) :: 2]] == [*(q for q, _ in shots), tail]


def test_the_student_is_asked_as_the_evaluation_asks_it(tmp_path):
    start = Program(demos=tuple({"role": r, "content": r} for r in ("user", "assistant")))
    with bench(copied, tmp_path, start=start) as made:
        one = made.sliced.validate[0]
        made.student(**one.inputs())
        expected = evaluation.greedy(evaluation.body(rewrite(one.request, start), "base"))
        assert made.stand_in.bodies == [expected]


def test_a_trained_row_is_that_of_the_training_child(tmp_path):
    start = Program(demos=({"role": "user", "content": "q"}, {"role": "assistant", "content": "a"}))
    file = tmp_path / "train.jsonl"
    file.write_text(json.dumps(row(3)) + "\n")
    (known,) = read_rows(file, start).rows
    with bench(copied, tmp_path, start=start) as made:
        student = made.student
        inputs = {"call_id": "c3", "request": row(3)["request"]}
        chat = made.adapter.format_finetune_data(
            student.signature, student.demos, inputs, {"completion": row(3)["completion"]}
        )
    assert chat == {"messages": [*known.request["messages"], known.completion]}


def test_a_predictor_begins_with_the_program_of_the_rung_below():
    head = ({"role": "system", "content": "Say it in one word."},)
    asked = ask("x")
    turns = ({"role": "user", "content": "q"}, {"role": "assistant", "content": "a"})
    start = Program(head=head, demos=turns, head_hash=head_hash(asked))
    wire = Wire(Wording.of([asked], head_hash(asked)), start)
    assert wire.read(wire.predictor(None)) == start


def test_without_instructions_that_all_share_none_are_put_in_their_place():
    wire = Wire(Wording.of([ask("x", head="")], ""), Program())
    predictor = wire.predictor(None)
    assert predictor.signature.instructions == AnswerCall.instructions
    assert wire.read(predictor) == Program()


def test_the_log_answers_for_the_teacher(tmp_path):
    with bench(copied, tmp_path) as made:
        teacher = made.student
        teacher.set_lm(ReplayLM())
        answers = [teacher(**e.inputs()).completion for e in made.sliced.learn]
        assert answers == [e.completion for e in made.sliced.learn]
        assert all(passed(e, None) for e in made.sliced.learn)
        assert made.stand_in.bodies == []
