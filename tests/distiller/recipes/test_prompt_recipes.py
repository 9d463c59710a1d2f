"""Which tasks the prompt rungs suit, said in one clause, and what their child is told."""

import json
from dataclasses import replace

import pytest

from distiller.programs.spec import PromptSpec, Way
from distiller.recipes import RECIPES, Access, Case
from distiller.scoring.shape import Shape
from distiller.scoring.spec import MetricSpec
from distiller.settings import DistillerSettings, JudgeSettings, TaskPolicy
from distiller.training.spec import SpecError
from store.prompt import head_hash
from store.vocabulary import Program

ACCESS = Access(base_url="http://127.0.0.1:1/internal/v1", token="shi-secret")
JUDGED = MetricSpec(name="judge", judge=JudgeSettings(model="j"), token="shi-judge")


def row(i, head):
    system = [{"role": "system", "content": head}] if head else []
    return {"passed": True, "request": {"messages": [*system, {"role": "user", "content": f"{i}"}]}}


@pytest.fixture
def case(tmp_path):
    def make(n=60, *, head="Be brief.", shape=Shape.LABEL, model="big", background=True, **more):
        (tmp_path / "train.jsonl").write_text("".join(json.dumps(row(i, head)) + "\n" for i in range(n)))
        return Case(
            task_id="t",
            shape=shape,
            metric=MetricSpec(name="label"),
            policy=TaskPolicy(optimizer_model=model),
            settings=DistillerSettings(),
            trainset=tmp_path,
            base=tmp_path / "base",
            folder=tmp_path / "rung",
            background=background,
            **more,
        )

    return make


@pytest.mark.parametrize(
    ("rung", "given", "clause"),
    [
        ("fewshot", {}, None),
        ("fewshot", {"model": "", "background": False, "head": ""}, None),
        ("fewshot", {"shape": Shape.TOOL_CALL}, "tool calls"),
        ("fewshot", {"n": 39}, "39 passing rows"),
        ("instructions", {}, None),
        ("instructions", {"shape": Shape.TOOL_CALL}, None),
        ("instructions", {"model": ""}, "no model is configured"),
        ("instructions", {"background": False}, "no upstream has a key"),
        ("instructions", {"head": ""}, "no instructions that all calls share"),
        ("both", {"model": ""}, None),
        ("both", {"shape": Shape.TOOL_CALL}, None),
        ("both", {"shape": Shape.TOOL_CALL, "model": ""}, "no model is configured"),
        ("both", {"n": 39}, "39 passing rows"),
    ],
)
def test_a_rung_says_why_it_does_not_suit(case, rung, given, clause):
    why = RECIPES[rung].unfit(case(**given))
    assert (why is None) if clause is None else clause in why


def test_the_spec_holds_no_token_and_what_the_child_needs(case):
    start = Program(demos=({"role": "user", "content": "q"}, {"role": "assistant", "content": "a"}))
    one = replace(case(access=ACCESS, program=start), metric=JUDGED)
    RECIPES["both"].write(one)
    text = (one.folder / "spec.json").read_text()
    assert "shi-" not in text
    spec = PromptSpec.load(one.folder)
    assert spec.rewrites
    assert (spec.way, spec.base_url, spec.optimizer_model) == (Way.BOTH, ACCESS.base_url, "big")
    assert spec.train.program == start
    assert spec.head_hash == head_hash(row(0, "Be brief.")["request"])
    assert spec.train.max_length >= spec.context
    assert PromptSpec.from_json(json.loads(text)) == spec


def test_fewshot_begins_anew_and_instructions_with_what_was_found(case):
    start = Program(demos=({"role": "user", "content": "q"}, {"role": "assistant", "content": "a"}))
    one = case(access=ACCESS, program=start)
    RECIPES["fewshot"].write(one)
    assert PromptSpec.load(one.folder).train.program == Program()
    RECIPES["instructions"].write(one)
    assert PromptSpec.load(one.folder).train.program == start


def test_without_access_there_is_nothing_to_rewrite_with(case):
    one = case()
    RECIPES["both"].write(one)
    assert not PromptSpec.load(one.folder).rewrites


@pytest.mark.parametrize("change", [{"way": "else"}, {"more": 1}, {"context": 0}, {"train": {}}])
def test_a_spec_that_cannot_be_is_refused(case, change):
    one = case()
    RECIPES["fewshot"].write(one)
    data = json.loads((one.folder / "spec.json").read_text())
    with pytest.raises(SpecError):
        PromptSpec.from_json({**data, **change})
