from dataclasses import replace

from slowpath import InProcessScorer, feedback, served, shadowed

from distiller.scoring.late import FEEDBACK
from distiller.scoring.metrics import VERSION
from distiller.scoring.scoring import Scoring
from distiller.scoring.spec import Scored, ScorerUnavailable
from distiller.settings import DistillerSettings, JudgeSettings, Policies, TaskPolicy
from store.vocabulary import TaskVersion


def scoring(house, scorer=None, policies=None, settings=None, **more):
    return Scoring(
        settings=settings,
        log=house.log,
        control=house.control,
        scorer=scorer or InProcessScorer(),
        shapes=house.shapes(policies),
        rest=0,
        **more,
    )


def by_name(house, call_id, name):
    detail = house.log.call(call_id)
    return {
        a.attempt.role.value: [(s.value, s.source.value) for s in a.scores if s.name == name]
        for a in detail.attempts
    }


async def test_pairs_get_both_scores_and_the_teacher_agrees_with_itself(house):
    house.task()
    house.colours(30)
    right, wrong = shadowed("x", "red", "Red."), shadowed("y", "red", "blue")
    house.load(right, wrong)
    loop = scoring(house)
    assert loop.scored_by("colours") is None
    assert await loop.step() == 34
    assert loop.score_name("colours") == "label"
    assert loop.scored_by("colours") == ("label", VERSION)
    (one, two) = house.log.drawn("r1", 0, "label", 10)
    assert (one.student_score, one.teacher_score) == (1.0, 1.0)
    assert (two.student_score, two.teacher_score) == (0.0, 1.0)
    assert await loop.step() == 0


async def test_a_task_that_is_ignored_or_merged_away_is_not_scored(house):
    house.task()
    house.colours(30)
    for aside in ({"ignored": True}, {"merged_into": "others"}):
        house.control.save_task(replace(house.control.task("colours"), **aside), house.epoch)
        assert await scoring(house).step() == 0
        house.control.save_task(
            replace(house.control.task("colours"), ignored=False, merged_into=""), house.epoch
        )
    assert await scoring(house).step() == 30


async def test_what_a_merge_brings_is_scored_however_old_it_is(house):
    house.task()
    other = "e" * 32
    house.load(*(served(f"older {i}", "red", fingerprint=other) for i in range(3)))
    house.colours(30)
    clock = [1e9]
    loop = scoring(house, now=lambda: clock[0])
    assert await loop.step() == 30
    clock[0] += 1801  # from here on, all that was seen is settled
    assert await loop.step() == 0
    moved = TaskVersion(
        task_id="colours", version=2, head_hash="h2", fingerprints=(other,), moved_from="others@1"
    )
    house.control.save_version(moved, house.epoch)
    assert await loop.step() == 3
    assert await loop.step() == 0


async def test_feedback_and_late_corrections_become_scores(house):
    house.task()
    house.colours(30)
    pair = shadowed("x", "red", "blue")
    house.load(pair)
    loop = scoring(house)
    await loop.step()
    house.load(feedback=[feedback(pair[0], score=0.0, correction="blue")])
    assert await loop.step() == 3
    found = by_name(house, pair[0].call_id, "label")
    assert found["serve"][-1] == (0.0, "correction")
    assert found["shadow"][-1] == (1.0, "correction")
    assert by_name(house, pair[0].call_id, FEEDBACK)["serve"] == [(0.0, "feedback")]
    assert await loop.step() == 0


async def test_an_outage_of_the_scorer_leaves_scores_missing_not_zero(house):
    class Down(InProcessScorer):
        down = True

        async def score(self, spec, items):
            if self.down:
                raise ScorerUnavailable("no scorer")
            return await super().score(spec, items)

    house.task()
    house.colours(3)
    house.load(shadowed("x", "red", "blue"))
    scorer = Down()
    loop = scoring(house, scorer)
    assert await loop.step() == 0
    scorer.down = False
    assert await loop.step() == 5


async def test_a_judge_sees_pairs_and_a_sample_of_the_rest(house):
    class Judge(InProcessScorer):
        items = ()

        async def version(self, spec):
            return "j1"

        async def score(self, spec, items):
            self.items = [*self.items, *items]
            return await super().score(
                spec.__class__(name="text"),
                [i.__class__(request=i.request, reference=i.candidate, candidate=i.candidate) for i in items],
            )

    house.task()
    house.colours(200)
    pair = shadowed("x", "red", "blue")
    house.load(pair)
    judge = Judge()
    policies = Policies(default=TaskPolicy(metric="judge", judge=JudgeSettings(model="j", sample=0.2)))
    loop = scoring(house, judge, policies)
    written = await loop.step()
    assert 2 + 15 < written < 2 + 70
    assert all(i.reference is None for i in judge.items)  # the teacher is not shown its own answer
    assert await loop.step() == 0
    (one,) = house.log.drawn("r1", 0, "judge", 10)
    assert one.student_score is not None
    assert one.teacher_score is not None


async def test_thousands_of_calls_are_scored_in_one_step(house):
    house.task()
    house.load(*(served(f"t{i}", "red") for i in range(1000)))
    scorer = InProcessScorer()
    assert await scoring(house, scorer).step() == 1000
    assert scorer.asked == 0  # agreement with itself needs no scorer


async def test_answers_that_nothing_can_be_compared_with_do_not_keep_others_waiting(house):
    house.task()
    for n in range(5):
        call, [teacher, (shadow, _)] = shadowed(f"x{n}", "red", "red")
        house.load((call, [teacher, (shadow, None)]))  # nothing could be read
    house.load(shadowed("y", "red", "red"))
    loop = scoring(house, settings=DistillerSettings(score_limit=2))
    written = [await loop.step() for _ in range(9)]
    assert sum(written) == 7
    assert written[-1] == 0
    *_, last = house.log.drawn("r1", 0, "label", 10)
    assert (last.student_score, last.teacher_score) == (1.0, 1.0)


async def test_an_answer_that_cannot_be_judged_is_given_up_after_three_tries(house):
    class Unsure(InProcessScorer):
        async def score(self, spec, items):
            self.asked += len(items)
            return [Scored(value=None, reason="no idea") for _ in items]

    house.task()
    house.load(shadowed("x", "red", "red"))
    scorer = Unsure()
    loop = scoring(house, scorer)
    assert [await loop.step() for _ in range(5)] == [1, 0, 0, 0, 0]
    assert scorer.asked == 3
