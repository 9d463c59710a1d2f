"""Candidates are scored as students are: by the built-in metrics, by the user's own function, by a judge."""

import json

import dspy
import pytest
from promptkit import bench, copied
from standin import StandIn

from distiller.programs.measure import Measure
from distiller.programs.student import FAILED
from distiller.scoring.spec import MetricSpec
from distiller.settings import JudgeSettings
from distiller.training.errors import TrainingError


def predicted(text):
    return dspy.Prediction(completion={"role": "assistant", "content": text})


def test_the_users_own_metric_scores(tmp_path):
    with bench(copied, tmp_path, metric="python:user_metrics:mentions_the_input") as made:
        one = made.sliced.validate[0]
        asked = one.request["messages"][-1]["content"]
        assert made.measure.score(one, predicted(f"{asked}: yes")) == 1.0
        told = made.measure.with_words(one, predicted("mauve"), None, None, None)
        assert told.score == 0.25
        assert one.completion["content"] in told.feedback


def test_a_judge_is_asked_with_the_jobs_token(tmp_path):
    judge = StandIn(lambda body: json.dumps({"reason": "nearly", "score_a": 0.75, "score_b": 0.75}))
    spec = MetricSpec(name="judge", judge=JudgeSettings(model="j", base_url=judge.url), token="shi-x")
    with bench(copied, tmp_path) as made:
        measure = Measure(spec, threads=1, watch=made.watch)
        told = measure.with_words(made.sliced.validate[0], predicted("x"), None, None, None)
    judge.close()
    assert told.score == 0.75
    assert "nearly" in told.feedback
    told = [{k.lower(): v for k, v in headers.items()} for headers in judge.headers]
    assert {headers["authorization"] for headers in told} == {"Bearer shi-x"}


def test_a_judge_that_does_not_answer_is_no_score_of_zero(tmp_path):
    judge = StandIn(lambda body: 503)
    spec = MetricSpec(name="judge", judge=JudgeSettings(model="j", base_url=judge.url))
    with bench(copied, tmp_path) as made, pytest.raises(TrainingError, match="the judge answered 503"):
        Measure(spec, threads=2, watch=made.watch).mean(made.student, made.sliced.validate)
    judge.close()


def test_no_answer_is_worth_nothing_and_asks_nobody(tmp_path):
    judge = StandIn(lambda body: 503)
    spec = MetricSpec(name="judge", judge=JudgeSettings(model="j", base_url=judge.url))
    with bench(copied, tmp_path) as made:
        silent = dspy.Prediction(completion=FAILED)
        assert Measure(spec, threads=1, watch=made.watch).score(made.sliced.validate[0], silent) == 0.0
    assert judge.bodies == []
    judge.close()


def test_a_server_that_is_gone_ends_a_search_that_would_swallow_it(tmp_path):
    with bench(copied, tmp_path) as made:
        made.stand_in.close()
        with pytest.raises(TrainingError, match="the server of base is gone"):
            made.measure.mean(made.student, made.sliced.validate)
        made.stand_in.close = lambda: None
