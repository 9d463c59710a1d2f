"""Adversarial 2: a judge that finds everything right, and a student that gets everything wrong."""

from dataclasses import replace

import pytest
from street import BRIEF, lively, words

from store.vocabulary import State

GOLD = 0.5  # share of the calls that people look at


@pytest.mark.parametrize("people", [0.0, GOLD])
async def test_a_lenient_judge_promotes_what_people_would_not_unless_they_are_asked(tmp_path, people):
    policy = replace(BRIEF, gold_audit=people, timeout_s=10.0)
    async with lively(tmp_path, policy, screened={"detail": {"metric": "judge"}}) as (street, app):
        street.judge = lambda _word, _said: True
        street.asked_of_people = people
        street.student.wrong = lambda _word: True
        asked = 0
        while street.state == State.SHADOW and asked < 300:
            await app.ask(*words(20, start=asked))
            asked += 20
            street.tick()
        compared = [o.d for o in street.observed()]
        if not people:
            assert set(compared) == {0.0}, "the judge is believed"
            assert street.state == State.CANARY_1, (
                "which is why an unaudited judge asks for approval where it may"
            )
            return
        assert street.path[-2:] == [("rolling_back", "harm"), ("rolled_back", "settled")]
        assert street.rollout.terms.gold == GOLD
        worst = -1 / GOLD / (1 + 2 / GOLD)  # psi / B of an answer that people called wrong
        assert set(compared) == {0.0, worst}
        assert compared.count(worst) > len(compared) / 4
        assert street.replayed() == []
