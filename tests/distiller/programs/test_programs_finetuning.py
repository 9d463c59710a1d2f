"""The parameters of BootstrapFinetune that a task may choose: all of them reach DSPy's own optimiser, and count."""

import dspy
import pytest
from promptkit import COLOURS, row

from distiller.programs.bootstrap import bootstrap, counted
from distiller.programs.teaching import Teaching
from distiller.settings import FinetuneSettings
from distiller.training.errors import TrainingError
from distiller.training.rows import Row

THREADS = 8


def logged(n=12, *, passed=lambda i: True):
    names = ("call_id", "unit", "request", "completion")
    return [Row(**{name: row(i)[name] for name in names}, passed=passed(i)) for i in range(n)]


class Trainer:
    """Keeps what DSPy hands over."""

    def __init__(self):
        self.chats = []
        self.told = []

    def __call__(self, chats, **told):
        self.chats += chats
        self.told.append(told)
        return "made"

    @property
    def answers(self):
        return sorted({chat["messages"][-1]["content"] for chat in self.chats})


def learnt(rows, **own):
    trainer = Trainer()
    assert bootstrap(rows, trainer, Teaching(finetune=FinetuneSettings(**own))) == "made"
    return trainer


def test_every_parameter_arrives_in_dspys_own_optimiser(monkeypatch):
    made = []

    class Seen(dspy.BootstrapFinetune):
        def __init__(self, **given):
            made.append(given)
            super().__init__(**given)

    monkeypatch.setattr(dspy, "BootstrapFinetune", Seen)
    own = {
        "metric": "python:user_parts:not_red",
        "multitask": False,
        "exclude_demos": True,
        "num_threads": THREADS,
        "adapter": "python:user_parts:Louder",
        "train_kwargs": {"epochs": 2, "rank": 4, "max_rows": 9},
    }
    trainer = learnt(logged(), **own)
    (given,) = made
    assert {name: given[name] for name in ("multitask", "exclude_demos", "num_threads")} == {
        name: own[name] for name in ("multitask", "exclude_demos", "num_threads")
    }
    assert type(given["adapter"]).__name__ == "Louder"
    assert given["train_kwargs"] == {"epochs": 2, "rank": 4}, "max_rows has made the trainset already"
    assert trainer.told == [{"epochs": 2, "rank": 4}]
    assert trainer.answers == ["BLUE", "GREEN", "GREY"]


def test_without_parameters_the_log_says_what_is_learnt():
    trainer = learnt(logged(passed=lambda i: i % 4 == 0))
    assert trainer.answers == [COLOURS[0]]
    assert trainer.told == [{}]


@pytest.mark.parametrize(
    ("metric", "kept"),
    [("not_red", COLOURS[1:]), ("below_zero", COLOURS[1:]), ("picky", COLOURS[1:])],
)
def test_a_metric_stands_in_place_of_what_the_log_says(metric, kept):
    trainer = learnt(logged(passed=lambda _: False), metric=f"python:user_parts:{metric}")
    assert trainer.answers == sorted(kept)
    teaching = Teaching(finetune=FinetuneSettings(metric=f"python:user_parts:{metric}"))
    assert {one.completion["content"] for one in counted(logged(), teaching)} == set(kept)


@pytest.mark.parametrize(("threshold", "kept"), [(0.03, 4), (0.04, 3), (0.05, 1), (0.06, 0)])
def test_what_is_merely_truthy_is_not_learnt(threshold, kept):
    trainer = Trainer()
    own = FinetuneSettings(metric="python:user_parts:by_length")
    bootstrap(logged(4), trainer, Teaching(finetune=own, threshold=threshold))
    assert len(trainer.chats) == kept


@pytest.mark.parametrize(
    ("own", "sentence"),
    [
        ({"metric": "python:user_parts:broken"}, r"scored no answer: .*no such colour"),
        ({"metric": "python:user_parts:nowhere"}, "cannot load the metric"),
        ({"adapter": "python:user_parts:Nowhere"}, "cannot load the adapter"),
        ({"adapter": "python:user_parts:not_red"}, "no subclass"),
        ({"adapter": "python:user_parts:Foreign"}, "what is trained on must be what is served"),
        ({"adapter": "python:user_parts:Politer"}, "changes what is asked"),
        ({"adapter": "python:user_parts:Armed"}, "changes what is asked"),
    ],
)
def test_what_cannot_be_followed_trains_nothing(own, sentence):
    trainer = Trainer()
    with pytest.raises(TrainingError, match=sentence):
        bootstrap(logged(), trainer, Teaching(finetune=FinetuneSettings(**own)))
    assert not trainer.told


def test_rows_that_are_bootstrapped_at_a_time_are_all_learnt_once():
    rows = logged(60, passed=lambda i: i % 3 > 0)
    trainer = learnt(rows, num_threads=THREADS)
    wanted = sorted(one.request["messages"][-1]["content"] for one in rows if one.passed)
    assert sorted(chat["messages"][-2]["content"] for chat in trainer.chats) == wanted


def test_a_row_that_dspy_loses_is_an_error(monkeypatch):
    monkeypatch.setattr(
        "dspy.teleprompt.bootstrap_finetune.bootstrap_trace_data",
        lambda program, dataset, metric, num_threads: [],
    )
    with pytest.raises(TrainingError, match="0 of 12 rows"):
        learnt(logged())
