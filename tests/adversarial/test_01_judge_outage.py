"""Adversarial 1: the judge falls silent on the ramp."""

from dataclasses import replace

from street import BRIEF, lively, words

from store.vocabulary import ObservationKind, State


async def test_a_judge_outage_holds_the_rollout_and_its_interval_counts_nowhere(tmp_path):
    every = dict.fromkeys(BRIEF.shadow_per_served, 1e6)  # each call of the teacher is shadowed
    policy = replace(BRIEF, score_timeout_s=60.0, shadow_per_served=every)
    async with lively(tmp_path, policy) as (street, app):
        street.force()
        await app.ask(*words(5))
        street.tick()
        before = [o for o in street.observed() if o.kind == ObservationKind.PAIRED]
        street.judging = lambda _word: False
        street.student.wrong = lambda _word: True  # whatever the silence hides
        await app.ask(*words(12, start=100))
        for _ in range(12):
            street.tick(10.0)
        assert street.state == State.HOLD
        assert street.path[-1] == ("hold", "judge_outage")
        street.judging = lambda _word: True
        street.student.wrong = lambda _word: False
        street.load()
        await app.ask(*words(12, start=200))
        for _ in range(12):
            street.tick(10.0)
        seen = street.observed()
        paired = [o for o in seen if o.kind == ObservationKind.PAIRED]
        assert not any(o.d == -1.0 for o in paired), "the interval is void, whatever its scores were"
        assert len(paired) >= len(before)
        assert any(o.kind == ObservationKind.VOID for o in seen)
        assert street.state == State.CANARY_1
        assert street.replayed() == []
