"""Adversarial 8: clocks that jump by a day, scores out of order: the same decisions."""

import pytest
from street import lively, words

DAY_S = 86_400.0


async def played(root, jump):
    async with lively(root) as (street, app):
        street.student.wrong = lambda word: word.endswith("9")
        for block in range(5):
            held_back = {f"word{block * 40 + i}" for i in range(0, 40, 7)} if jump else set()
            street.judging = lambda word, late=held_back: word not in late
            await app.ask(*words(40, start=block * 40))
            street.tick(jump if block == 2 else 1.0)
            street.judging = lambda _word: True
            street.load()
            street.tick()
        assert street.replayed() == []
        counted = [(o.kind, o.d) for o in street.observed()]
        return street.path, counted


@pytest.mark.parametrize("jump", [DAY_S, -DAY_S])
async def test_a_day_forth_or_back_and_late_scores_change_no_decision(tmp_path, jump):
    assert await played(tmp_path / "disturbed", jump) == await played(tmp_path / "quiet", 0.0)
