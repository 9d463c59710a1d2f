"""Adversarial 3: scores that come late where they are bad, or never."""

from dataclasses import replace

from street import BRIEF, lively, words

from store.vocabulary import ObservationKind, State


def bad(word):
    return word.startswith("word") and int(word.removeprefix("word")) % 5 == 0


async def test_losses_that_come_late_cannot_promote(tmp_path):
    """A judge that is slow with bad answers: good news alone moves nothing, the losses then end it."""
    async with lively(tmp_path) as (street, app):
        street.student.wrong = bad
        street.judging = lambda word: not bad(word)
        await app.ask(*words(100))
        for _ in range(5):
            street.tick()
        assert street.state == State.SHADOW
        assert len(street.observed()) <= 1  # up to the first word whose score is missing
        street.judging = lambda _word: True
        street.load()
        street.tick()
        assert "canary_1" not in [target for target, _ in street.path]
        assert ("rolling_back", "harm") in street.path
        assert street.replayed() == []


async def test_losses_that_never_come_are_missing_and_hold_the_step(tmp_path):
    async with lively(tmp_path, replace(BRIEF, score_timeout_s=5.0)) as (street, app):
        street.student.wrong = bad
        street.judging = lambda word: not bad(word)
        await app.ask(*words(100))
        for _ in range(10):
            street.tick()
        kinds = [o.kind for o in street.observed()]
        assert kinds.count(ObservationKind.MISSING) == 20
        assert street.state == State.SHADOW
        assert street.replayed() == []
