"""What a task says of its fine-tuning reaches the child of each rung that trains, and what does not suit is said."""

import json
from dataclasses import fields

import pytest

from distiller.programs.spec import PromptSpec
from distiller.recipes import RECIPES, Access, Case, weights
from distiller.scoring.shape import Shape
from distiller.scoring.spec import MetricSpec
from distiller.service.spec import ServiceSpec
from distiller.settings import (
    DistillerSettings,
    FinetuneSettings,
    JudgeSettings,
    ServiceSettings,
    SettingsError,
    TaskPolicy,
    TrainingSettings,
)
from distiller.training.spec import TrainSpec

ACCESS = Access(
    base_url="http://127.0.0.1:1/internal/v1", service_url="http://127.0.0.1:1/s", token="shi-secret"
)
JUDGED = MetricSpec(name="judge", judge=JudgeSettings(model="j"), token="shi-judge")
SERVICE = ServiceSettings(kind="openai", upstream="u", model="m")


@pytest.fixture(autouse=True)
def here(monkeypatch):
    monkeypatch.setattr(weights, "not_here", lambda: None)


def case(folder, *, background=True, access=ACCESS, **own):
    policy = TaskPolicy(finetune=FinetuneSettings(**own), threshold=0.8)
    rows = [{"passed": True, "request": {"messages": [{"role": "system", "content": "s"}]}}] * 60
    (folder / "train.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    return Case(
        task_id="t",
        shape=Shape.LABEL,
        metric=JUDGED,
        policy=policy,
        settings=DistillerSettings(service=SERVICE, training=TrainingSettings(rank=8, epochs=5)).of(policy),
        trainset=folder,
        base=folder / "base",
        folder=folder,
        background=background,
        access=access,
    )


def test_the_hyperparameters_of_a_task_are_laid_over_those_for_all():
    own = FinetuneSettings(train_kwargs={"epochs": 1, "max_rows": 9})
    training = (
        DistillerSettings(training=TrainingSettings(rank=8, epochs=5)).of(TaskPolicy(finetune=own)).training
    )
    assert (training.rank, training.epochs, training.max_rows) == (8, 1, 9)


def test_the_trainer_knows_every_hyperparameter_that_a_task_may_have():
    known = {one.name for one in fields(TrainSpec)}
    assert {one.name for one in fields(TrainingSettings)} - known == {"max_rows"}


@pytest.mark.parametrize("rung", ["finetune", "internalised", "both", "service"])
def test_each_rung_that_trains_is_told_and_no_token_is_written(tmp_path, rung):
    kwargs = {"epochs": 1, "seed": 7}
    RECIPES[rung].write(
        case(tmp_path, teacher="big", metric="python:a:b", num_threads=4, train_kwargs=kwargs)
    )
    assert "shi-" not in (tmp_path / "spec.json").read_text()
    kind = {"both": PromptSpec, "service": ServiceSpec}.get(rung, TrainSpec)
    told = kind.load(tmp_path)
    spec = told.train if rung == "both" else told
    assert (spec.epochs, spec.seed) == (1, 7)
    assert spec.teaching.finetune == FinetuneSettings(
        teacher="big", metric="python:a:b", num_threads=4, train_kwargs=kwargs
    )
    assert (spec.teaching.threshold, spec.teaching.base_url) == (0.8, ACCESS.base_url)
    if rung in ("finetune", "internalised"):
        assert spec.rank == 8


@pytest.mark.parametrize(
    ("rung", "given", "clause"),
    [
        ("finetune", {"background": False}, None),
        ("finetune", {"teacher": "big"}, None),
        ("finetune", {"teacher": "big", "background": False}, "no upstream has a key"),
        ("internalised", {"teacher": "big", "background": False}, "no upstream has a key"),
        ("base", {"teacher": "big", "background": False}, None),
        ("both", {"teacher": "big"}, "the log alone"),
        ("both", {"adapter": "python:a:B"}, "is not verbatim"),
        ("both", {"metric": "python:a:b"}, None),
        ("finetune", {"train_with": ("b",)}, None),
        ("internalised", {"train_with": ("b",)}, "trains one task by itself"),
        ("both", {"train_with": ("b",)}, "trains one task by itself"),
        ("service", {"train_with": ("b",)}, "trains one task by itself"),
        ("internalised", {"train_with": ("b",), "multitask": False}, None),
    ],
)
def test_a_rung_says_why_it_does_not_suit(tmp_path, rung, given, clause):
    why = RECIPES[rung].unfit(case(tmp_path, **given))
    assert (why is None) if clause is None else clause in why


@pytest.mark.parametrize(
    ("own", "sentence"),
    [
        ({"metric": "exact"}, "finetune.metric is 'exact'"),
        ({"adapter": "chat"}, "finetune.adapter is 'chat'"),
        ({"num_threads": 0}, "between 1 and 32"),
        ({"num_threads": 33}, "between 1 and 32"),
        ({"teacher": ""}, "finetune.teacher is empty"),
        ({"train_with": ("b",), "teacher": "big"}, "finetune.train_with goes with what the log says"),
        ({"train_with": ("b",), "metric": "python:a:b"}, "finetune.train_with goes with what the log says"),
        ({"train_kwargs": {"epoch": 1}}, "unknown key, 'epoch'"),
        ({"train_kwargs": {"lr": 2.0}}, "training.lr is 2.0"),
    ],
)
def test_what_cannot_be_is_refused_in_a_sentence(own, sentence):
    with pytest.raises(SettingsError, match=sentence.replace(".", r"\.")):
        FinetuneSettings(**own)
