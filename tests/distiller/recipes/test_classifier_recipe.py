"""When the classifier is a rung of a task's ladder, and what its child is told."""

import json
from dataclasses import replace

import pytest

from distiller.classifier.spec import ClassifierSpec
from distiller.recipes import RECIPES, Case
from distiller.scoring.shape import Shape
from distiller.scoring.spec import MetricSpec
from distiller.settings import DistillerSettings, StudentSettings, TaskPolicy
from store.prompt import head_hash
from store.vocabulary import Program

RECIPE = RECIPES["classifier"]
HEAD = {"role": "system", "content": "yes or no?"}


@pytest.fixture
def case(tmp_path):
    encoder = tmp_path / "encoder"
    encoder.mkdir()
    for name in ("config.json", "tokenizer.json", "model.safetensors"):
        (encoder / name).touch()
    return Case(
        task_id="answers", shape=Shape.LABEL, metric=MetricSpec(name="label"), policy=TaskPolicy(),
        settings=DistillerSettings(student=StudentSettings(encoder=str(encoder))), trainset=tmp_path,
        base=tmp_path / "base", folder=tmp_path,
    )  # fmt: skip


def fill(case, contents, head=HEAD):
    rows = [
        {
            "call_id": str(i), "unit": str(i), "passed": True,
            "request": {"messages": [*([head] if head else []), {"role": "user", "content": str(i)}]},
            "completion": {"role": "assistant", "content": content},
        }
        for i, content in enumerate(contents)
    ]  # fmt: skip
    (case.trainset / "train.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    return case


def test_closed_answers_fit(case):
    assert RECIPE.unfit(fill(case, ["yes", "no"] * 10)) is None


def test_open_answers_do_not(case):
    assert RECIPE.unfit(fill(case, [f"text {i}" for i in range(20)])) == "the answers are no closed set"


def test_a_missing_encoder_is_said_with_its_folder(case):
    other = replace(case, settings=DistillerSettings(student=StudentSettings(encoder="/nowhere/at/all")))
    assert "/nowhere/at/all" in RECIPE.unfit(fill(other, ["yes", "no"] * 10))


@pytest.mark.parametrize("head", [HEAD, None])
def test_it_answers_only_under_the_instructions_that_it_learnt_under(case, head):
    RECIPE.write(fill(case, ["yes", "no"] * 10, head))
    spec = ClassifierSpec.load(case.folder)
    wanted = Program(head=(), head_hash=head_hash({"messages": [HEAD]})) if head else Program()
    assert spec.program == wanted
    assert (spec.shape, spec.encoder) == (Shape.LABEL, case.settings.student.encoder)
