import pytest
from slowpath import exchange

from distiller.readiness import check, missing, tally
from distiller.scoring.shape import Shape
from distiller.settings import DistillerSettings, SettingsError, TaskPolicy, TrainingSettings
from distiller.trainset import screen
from store.log import TaskCounts


def counts(complete, scored=0):
    return TaskCounts(
        calls=complete, complete=complete, scored=scored, feedback=0, corrections=0, mean_score=None
    )


def found(exchanges, **options):
    rows = screen(exchanges, shape=Shape.LABEL, threshold=0.5, judged=False, **options).rows
    return tally(rows, examples=len(exchanges), shape=Shape.LABEL)


def test_what_is_missing_is_said_with_numbers():
    checks = check(counts(412), TaskPolicy())
    assert missing(checks) == "412 of 500 complete calls, 88 more needed"
    assert all(c.ok for c in check(counts(500), TaskPolicy()))


def test_a_teacher_that_agrees_with_itself_is_no_baseline():
    calls = [exchange(i, score=1.0, source="agreement") for i in range(600)]
    (baseline,) = [c for c in check(counts(500), TaskPolicy(), found=found(calls)) if c.name == "baseline"]
    assert baseline.have is None
    assert baseline.ok


def test_bad_feedback_takes_away_passing_traces_and_the_baseline():
    calls = [exchange(i, feedback=0.0 if i % 3 else 1.0) for i in range(600)]
    checks = {c.name: c for c in check(counts(600), TaskPolicy(), found=found(calls))}
    assert checks["passing"].have == 200
    assert checks["passing"].ok
    assert not checks["baseline"].ok
    assert checks["baseline"].words == "the teacher scores 33% on 600 scores, at least 50% is needed"


def test_a_users_metric_is_a_baseline_without_a_tally():
    policy = TaskPolicy(metric="python:a.b:c")
    names = [c.name for c in check(counts(500, scored=500), policy, measured=0.4) if not c.ok]
    assert names == ["baseline"]


def test_without_a_tally_what_was_measured_is_the_baseline():
    for scored, ok in ((500, False), (20, False), (19, True), (1, True)):
        checks = check(counts(500, scored=scored), TaskPolicy(), measured=0.25)
        (baseline,) = [c for c in checks if c.name == "baseline"]
        assert (baseline.have, baseline.ok) == (0.25, ok), "a few scores of a teacher say nothing"
        assert f"on {scored} scores" in baseline.words


def test_too_few_traces_for_the_screen_are_said_before_a_student_is_made():
    settings = DistillerSettings(min_examples=10, min_passing=5)
    words = {c.name: c.words for c in check(counts(150), TaskPolicy(), settings)}
    assert words["passing"].endswith("before 400 no student can pass its screen of 200")
    words = {c.name: c.words for c in check(counts(400), TaskPolicy(), settings)}
    assert words["passing"] == "400 of 5 passing traces"


def test_the_limits_are_the_settings():
    settings = DistillerSettings(min_examples=10, min_passing=5)
    assert missing(check(counts(10), TaskPolicy(), settings)) == ""


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda: TaskPolicy(metric="best"), "metric is 'best'"),
        (lambda: TaskPolicy(metric="python:nothing"), "metric is"),
        (lambda: TaskPolicy(metric="judge"), "no judge model"),
        (lambda: TaskPolicy(delta=0), "delta is 0"),
        (lambda: DistillerSettings(min_examples=0), "distiller.min_examples"),
        (lambda: TrainingSettings(lr=3), "training.lr"),
    ],
)
def test_settings_that_cannot_be_are_refused_in_words(make, words):
    with pytest.raises(SettingsError, match=words):
        make()
