"""What a student's log-probabilities are found to be worth."""

from __future__ import annotations

import math

import numpy as np
import pytest

from distiller.evaluation.calibrate import LEAST, Answered, calibrate, candidates
from store.confidence import Told, confidence


def answers(n: int, slope: float, intercept: float, seed: int = 0) -> list[Answered]:
    """Answers of a student that is right with the chance that the true calibration says."""
    rng = np.random.default_rng(seed)
    ps = rng.uniform(0.05, 0.99, n)
    chance = 1 / (1 + np.exp(-(slope * np.log(ps / (1 - ps)) + intercept)))
    right = rng.random(n) < chance
    return [
        Answered(said=Told(total=math.log(p), tokens=1), student=float(r), teacher=1.0)
        for p, r in zip(ps, right, strict=True)
    ]


@pytest.mark.parametrize(("slope", "intercept"), [(1.0, 0.0), (0.4, -0.5), (2.0, 1.0)])
def test_the_true_calibration_is_found(slope, intercept):
    found = calibrate(answers(20_000, slope, intercept))
    assert found is not None
    assert (found.slope, found.intercept) == (
        pytest.approx(slope, rel=0.1),
        pytest.approx(intercept, abs=0.1),
    )
    assert found.n == 20_000


def test_candidates_keep_more_the_looser_they_are_strictest_first():
    answered = answers(400, 1.0, 0.0)
    found = calibrate(answered)
    assert found is not None
    assert list(found.thresholds) == sorted(set(found.thresholds), reverse=True)
    rows = candidates(answered, 100, found)
    assert [row["kept"] for row in rows] == sorted(row["kept"] for row in rows)
    assert rows[0]["kept"] == pytest.approx(0.2 * 400 / 500)
    kept = [a for a in answered if confidence(a.said, found) >= rows[3]["threshold"]]
    assert rows[3]["mean"] == pytest.approx(-sum(not a.right for a in kept) / 500)


def test_the_form_that_fits_is_taken():
    """Long answers: the mean says how sure the student is, the sum how long the answer is."""
    rng = np.random.default_rng(1)
    made = []
    for _ in range(2000):
        per_token, tokens = rng.uniform(-1.5, -0.01), int(rng.integers(1, 60))
        right = rng.random() < math.exp(per_token)
        said = Told(total=per_token * tokens, tokens=tokens)
        made.append(Answered(said=said, student=float(right), teacher=1.0))
    found = calibrate(made)
    assert found is not None
    assert found.form == "mean"


def test_too_few_calls_or_a_student_that_is_wrong_where_it_is_sure_have_none():
    assert calibrate(answers(LEAST - 1, 1.0, 0.0)) is None
    assert calibrate(answers(2000, -1.0, 0.0)) is None


def test_a_student_that_is_never_wrong_has_a_finite_calibration():
    certain = [Answered(said=Told(total=-0.1 * i, tokens=2), student=1.0, teacher=1.0) for i in range(1, 101)]
    found = calibrate(certain)
    assert found is None or math.isfinite(found.slope)
