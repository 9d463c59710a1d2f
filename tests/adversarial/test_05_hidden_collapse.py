"""Adversarial 5: a student whose latency collapses, and a fallback that hides it from the app."""

import asyncio

from street import lively, words

from store.vocabulary import ObservationKind, Outcome, State, Who


async def test_a_collapse_hidden_by_fallback_is_rolled_back(tmp_path):
    async with lively(tmp_path) as (street, app):
        street.force()
        await app.ask_student(*words(3))
        street.tick()

        async def hang(seen, out):
            await asyncio.Event().wait()

        street.student.fault = hang
        asked = 0
        while street.state == State.CANARY_1 and asked < 20:
            some = words(2, start=100 + asked)
            assert await app.ask_student(*some) == some  # the app sees nothing of it
            asked += 2
            street.tick()
        assert (street.state, street.rollout.serving, street.route.share) == (State.HOLD, False, 0.0)
        failed = street.log.student_outcomes("s1", limit=20)
        assert failed.count(Outcome.TIMEOUT) >= 5
        lost = [
            o for o in street.observed() if o.kind == ObservationKind.PAIRED and o.served_by == Who.STUDENT
        ]
        assert any(o.d == -1.0 for o in lost)  # to treat is what was intended: the rescue is no success
        street.tick(street.policy.hold_limit_s + 1)
        assert street.state == State.ROLLED_BACK
        assert street.route is None
        assert street.replayed() == []
