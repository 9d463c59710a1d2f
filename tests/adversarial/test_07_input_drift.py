"""Adversarial 7, its first half: apps begin to ask for something else. (Its second half: `test_07_thin_slice.py`.)"""

from street import BRIEF, lively, words

from router.drift.settings import DriftPolicy
from store.vocabulary import State

LOOK = DriftPolicy(least=100, every=25)


def other(n, start):
    """Questions of a kind that no app had asked."""
    return [f"please cancel order {i} and send the money back to my account" for i in range(start, start + n)]


async def test_another_kind_of_question_holds_the_rollout_and_stays_no_longer_than_a_day(tmp_path):
    async with lively(tmp_path, before=words(160), drift=LOOK) as (street, app):
        street.force()
        await app.ask(*words(60, start=1_000))
        street.tick()
        assert street.state == State.CANARY_1, "the same questions as ever"
        share, asked = street.route.share, 0
        while street.state == State.CANARY_1 and asked < 400:
            await app.ask(*words(10, start=2_000 + asked), *other(10, asked))
            asked += 20
            street.tick()
        assert street.path[-1] == ("hold", "drift")
        assert street.rollout.held_for == ("drift",)
        assert street.route.share == share > 0.0, (
            "nothing says that the student is worse: it keeps what it has"
        )
        trial = street.rollout.trial
        while street.state == State.HOLD:
            await app.ask(*other(5, 10_000 + asked))
            asked += 5
            street.tick(BRIEF.hold_limit_s / 3)
        assert street.state in {State.ROLLING_BACK, State.ROLLED_BACK}
        assert street.rollout.trial == trial, "what was compared stays counted"
        assert street.replayed() == []
