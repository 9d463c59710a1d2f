"""What follows the number of rows, and when learning has stopped to help."""

import math
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from distiller.training.adapt import MOST, TABLE, Pace, pace
from distiller.training.rows import Row
from distiller.training.validation import FROM, Best, due, part
from distiller.training.validation import MOST as ASIDE

UNSET: dict[str, Any] = {"epochs": None, "batch": None, "lr": None}


@given(st.integers(1, 100_000))
def test_more_rows_are_seen_less_often_in_larger_batches(examples: int) -> None:
    few, more = pace(examples, **UNSET), pace(examples + 1, **UNSET)
    assert few.epochs >= more.epochs
    assert few.batch <= more.batch
    assert few.lr <= more.lr
    assert more in [*(row for _, row in TABLE), MOST]


@given(st.integers(20, 100_000))
def test_there_are_never_too_few_steps(examples: int) -> None:
    own = pace(examples, **UNSET)
    steps = own.epochs * examples / own.batch
    assert steps >= min(examples, 50), "of few rows each is a step, at least"


@given(st.integers(1, 9999), st.integers(1, 64), st.floats(0.1, 9), st.floats(1e-6, 1e-2))
def test_what_is_given_stays(examples: int, batch: int, epochs: float, lr: float) -> None:
    assert pace(examples, epochs=epochs, batch=batch, lr=lr) == Pace(epochs=epochs, batch=batch, lr=lr)


def rows(units: list[int], *, failed: int = 0) -> list[Row]:
    return [
        Row(call_id=f"c{i}", unit=f"u{unit}", request={}, completion={}, passed=i >= failed)
        for i, unit in enumerate(units)
    ]


@given(st.lists(st.integers(0, 120), min_size=FROM, max_size=600), st.integers(0, 9), st.integers(0, 50))
def test_no_conversation_is_learnt_from_and_checked_on(units: list[int], seed: int, failed: int) -> None:
    given_rows = rows(units, failed=failed)
    parted = part(given_rows, seed)
    assert not {r.unit for r in parted.train} & {r.unit for r in parted.check}
    assert all(r.passed for r in parted.check)
    passed = sum(r.passed for r in given_rows)
    assert len(parted.check) <= min(ASIDE, passed // 10)
    kept = {r.call_id for r in [*parted.train, *parted.check]}
    assert all(r.call_id in kept for r in given_rows if r.passed), "no passed row is lost"
    assert parted == part(given_rows, seed), "a resumed run sets the same rows aside"


def test_thin_data_and_one_long_conversation_are_all_learnt_from() -> None:
    assert part(rows(list(range(FROM - 1))), 0).check == []
    assert part(rows([1] * FROM), 0).check == []
    assert len(part(rows(list(range(1000))), 0).check) == ASIDE


@given(st.lists(st.one_of(st.floats(0, 9), st.just(math.nan)), min_size=1, max_size=20))
def test_the_best_check_is_the_first_of_the_least(losses: list[float]) -> None:
    best = Best()
    for step, loss in enumerate(losses, 1):
        best = best.after(step, loss)
    numbers = [x for x in losses if not math.isnan(x)]
    if not numbers:
        assert best == Best(stale=len(losses))
        return
    assert best.loss == min(numbers)
    assert best.step == losses.index(min(numbers)) + 1
    assert best.stale == len(losses) - best.step


@given(st.integers(1, 2000), st.floats(0.2, 8))
def test_checks_are_a_few_an_epoch_and_the_last_step_is_one(of: int, epochs: float) -> None:
    steps = [step for step in range(1, of + 1) if due(step, of, epochs)]
    assert steps[-1] == of
    assert len(steps) <= 2 * 3 * epochs + 2
