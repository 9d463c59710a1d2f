"""Adversarial 6: the provider puts another model behind the teacher's name."""

from dataclasses import replace

from street import BRIEF, lively, words

from router.drift.watching import ANSWERED_S
from store.vocabulary import State


async def test_a_teacher_that_is_another_one_voids_the_evidence_and_begins_the_next_trial(tmp_path):
    every = dict.fromkeys(BRIEF.shadow_per_served, 1e6)  # each call of the teacher is shadowed
    policy = replace(BRIEF, shadow_per_served=every, dwell_s=3600.0)
    async with lively(tmp_path, policy, before=words(5)) as (street, app):
        street.force()
        await app.ask(*words(30, start=100))
        street.tick()
        assert len(street.observed()) > 20
        before = street.rollout
        street.teacher.model = "speaker-2"
        street.teacher.wrong = lambda word: word == "word203"  # what it says may be anything now
        await app.ask(*words(5, start=200))
        street.tick(ANSWERED_S + 1)
        street.tick()
        held = street.rollout
        assert (held.state, held.held_for) == (State.HOLD, ("teacher_changed",))
        assert street.path[-1] == ("hold", "teacher_changed")
        assert (held.trial, held.salt != before.salt) == (before.trial + 1, True)
        assert street.route.share == 0.0, "no share without evidence behind it"
        street.tick(policy.dwell_s)
        after = street.rollout
        assert (after.state, after.held_for) == (State.SHADOW, ())
        counted = len(street.observed())
        await app.ask(*words(10, start=300))
        street.tick()
        assert len(street.observed()) == counted + 10, "it is compared with the teacher that it has now"
        assert street.rollout.since_seq > before.since_seq
        assert street.replayed() == []


async def test_a_teacher_that_keeps_its_name_is_left_alone(tmp_path):
    async with lively(tmp_path, before=words(5)) as (street, app):
        await app.ask(*words(10, start=100))
        street.tick(ANSWERED_S + 1)
        street.tick()
        assert (street.state, street.rollout.trial) == (State.SHADOW, 1)
