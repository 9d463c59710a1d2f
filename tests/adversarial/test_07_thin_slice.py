"""Adversarial 7, its second half: a student that is right but for a thin slice of the calls, where it is always wrong.

Of the specification's slice, 5% of the calls at -30 points, `benchmarks/slices.py` plays a thousand rollouts; this one
is lost whole, so that few calls show it.
"""

from dataclasses import replace

from street import BRIEF, lively, words

from store.vocabulary import Attempt, Call, ObservationKind, Outcome, State, Who

EVERY = 8  # one call in so many is of the slice
LONG = "x" * 1500  # length:medium; all others are length:short


def mixed(start):
    """Eight calls, one of them of the slice."""
    return [f"long{start}{LONG}", *words(EVERY - 1, start)]


async def harmed(street, app):
    """Let the student be wrong on the slice until the teacher keeps it."""
    street.student.wrong = lambda word: word.startswith("long")
    for start in range(0, 40 * EVERY, 4 * EVERY):
        await app.ask(*(word for at in range(start, start + 4 * EVERY, EVERY) for word in mixed(at)))
        street.tick()
        if street.rollout.excluded:
            return


async def test_a_thin_slice_of_harm_goes_to_the_teacher_and_the_rollout_goes_on(tmp_path):
    async with lively(tmp_path, replace(BRIEF, slices=("length",))) as (street, app):
        await harmed(street, app)
        assert street.rollout.excluded == {"length:medium": "harm"}
        assert (street.state, street.route.excluded) == (State.SHADOW, ("length:medium",))
        street.force()
        compared = len(street.observed())
        some = mixed(10_000)
        assert (
            await app.ask_student(*some) == some
        )  # the app hears no wrong word: the teacher says the long one
        street.tick()
        choices = [record.choice for record in street.journal.records if isinstance(record, Call)][-EVERY:]
        assert (choices[0].who, choices[0].reason) == (Who.TEACHER, "slice")
        assert {(choice.who, choice.reason) for choice in choices[1:]} == {(Who.STUDENT, "share")}
        fresh = street.observed()[compared:]
        assert [o.kind for o in fresh] == [ObservationKind.PAIRED] * (
            EVERY - 1
        )  # it is not compared any more
        assert all(o.slices == ("length:short",) and o.d == 0.0 for o in fresh)
        assert (street.state, street.route.share) == (State.CANARY_1, 0.01)
        assert street.replayed() == []


async def test_what_the_student_says_wrongly_is_deferred_and_the_app_hears_the_teacher(tmp_path):
    async with lively(tmp_path, replace(BRIEF, slices=("label",))) as (street, app):
        await harmed(street, app)
        assert street.rollout.excluded == {"label:wrong": "harm"}
        street.force()
        compared = len(street.observed())
        some = mixed(10_000)
        assert await app.ask_student(*some) == some
        street.tick()
        by_student = [
            record
            for record in street.journal.records
            if isinstance(record, Attempt) and record.who is Who.STUDENT
        ][-EVERY:]
        assert [one.outcome for one in by_student] == [Outcome.DEFERRED, *[Outcome.COMPLETE] * (EVERY - 1)]
        fresh = street.observed()[compared:]
        assert [(o.kind, o.d) for o in fresh] == [(ObservationKind.PAIRED, 0.0)] * EVERY
        assert fresh[0].slices == ()
        assert street.state == State.CANARY_1
        assert street.replayed() == []
