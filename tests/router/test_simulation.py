"""The promise, by simulation with the real evidence and policy, looking after every pair."""

import dataclasses

import numpy as np
import pytest

from benchmarks._cutover.alone import naive
from benchmarks._cutover.reference import SLICED, STUDENTS
from router.decision import Facts
from router.errors import PolicyError
from router.evidence import Evidence, update
from router.scan import first_decision
from router.settings import RolloutPolicy, profiled
from router.simulation.course import begun, drawn, observed, play
from router.simulation.plain import lines
from router.simulation.question import Prices, Question, answer
from router.simulation.quiet import quiet
from router.simulation.world import Shape, Weakness, World
from store.vocabulary import State, TaskMode

POLICY = RolloutPolicy(mode=TaskMode.AUTO)
BY_NAME = {student.name: student.world for student in STUDENTS}
ALPHA_1 = POLICY.alpha / 2  # what the first trial may spend


def ends(world, seeds, policy=POLICY):
    return [play(world, policy, seed) for seed in range(seeds)]


def counted(runs, state):
    return sum(run.state == state for run in runs)


@pytest.mark.parametrize(("teacher", "delta"), [(0.80, 0.02), (0.90, 0.03), (0.95, 0.05)])
def test_a_student_at_the_margin_is_promoted_no_more_often_than_alpha(teacher, delta):
    policy = dataclasses.replace(POLICY, delta=delta)
    runs = ends(World(gap=-delta, teacher=teacher), 200, policy)
    assert sum(run.left_shadow for run in runs) / len(runs) <= ALPHA_1  # already for the first gate
    assert counted(runs, State.FULL) == 0


@pytest.mark.parametrize("shape", [Shape.LOSSES, Shape.RARE])
def test_skewed_differences_at_the_margin_promote_no_more_often(shape):
    runs = ends(World(gap=-POLICY.delta, shape=shape), 200)
    assert sum(run.left_shadow for run in runs) / len(runs) <= ALPHA_1
    assert counted(runs, State.FULL) == 0


def test_a_naive_test_beside_it_promotes_half_of_them():
    for row in naive(100, 1):
        assert row["naive"] >= 0.35
        assert row["ours"] <= 0.05


def test_an_equal_student_is_promoted_by_few_pairs():
    runs = ends(BY_NAME["equal"], 25)
    assert counted(runs, State.FULL) >= 23
    assert counted(runs, State.ROLLING_BACK) == 0
    assert np.median([run.pairs for run in runs]) < 4000
    assert np.median([run.calls for run in runs]) < 32_000


@pytest.mark.parametrize("name", ["good in shadow, -10 pt live", "good in shadow, -20 pt live"])
def test_one_that_is_bad_only_when_it_serves_is_not_promoted(name):
    runs = ends(BY_NAME[name], 15)
    assert counted(runs, State.FULL) == 0
    assert counted(runs, State.ROLLING_BACK) >= 12


def test_a_bad_student_is_rolled_back():
    runs = ends(BY_NAME["-5 pt"], 15)
    assert counted(runs, State.ROLLING_BACK) >= 11
    assert counted(runs, State.FULL) == 0


def test_a_slice_that_is_far_worse_goes_to_the_teacher_and_the_rest_to_full():
    weak = SLICED[0]
    runs = ends(weak.world, 6)
    assert counted(runs, State.FULL) == 6
    assert [set(run.excluded) for run in runs] == [{"tools:weak"}] * 6
    assert np.median([run.excluded["tools:weak"] for run in runs]) < 3500
    assert all(run.causes.count("slice_excluded") == 1 for run in runs)


@pytest.mark.parametrize("gap", [0.02, -0.01, -0.05])
def test_the_short_cut_through_shadow_changes_no_run(gap):
    world = World(gap=gap)
    for seed in range(3):
        assert play(world, POLICY, seed) == play(world, POLICY, seed, short_cut=False)


def test_quiet_evidence_is_what_counting_gives():
    rollout = begun(POLICY)
    block = drawn(np.random.default_rng(3), World(gap=-0.03), rollout, POLICY)
    taken, evidence = quiet(rollout, POLICY, block.d, 1)
    one_by_one = [
        dataclasses.replace(o, served_by="teacher", propensity=1.0)
        for o in observed(State.SHADOW, block.d[:taken])
    ]
    found = first_decision(
        rollout, Evidence(delta=POLICY.delta), one_by_one, facts=Facts(), policy=POLICY, now=0.0
    )
    assert (found.decision, found.taken) == (None, taken)
    assert evidence.cells == update(Evidence(delta=POLICY.delta), one_by_one).cells
    assert evidence.late == pytest.approx(found.evidence.late, abs=1e-9)


@pytest.mark.parametrize("shape", list(Shape))
@pytest.mark.parametrize("gap", [-0.05, -0.03, 0.0])
def test_a_world_has_the_gap_that_it_says(shape, gap):
    d = World(gap=gap, shape=shape).differences(np.random.default_rng(1), np.zeros(400_000, dtype=bool))
    assert d.mean() == pytest.approx(gap, abs=0.002)
    assert np.allclose(d * 1000, np.rint(d * 1000))


@pytest.mark.parametrize(
    "wrong",
    [
        {"teacher": 1.0},
        {"weakness": Weakness(share=0.1, gap=0.2)},
        {"gap": 0.2},
        {"gap": 0.0, "live": -0.95},
        {"correlation": 1.0},
        {"gold": 0.001},
        {"judge": 1.1},
    ],
)
def test_a_world_that_cannot_be_is_refused(wrong):
    with pytest.raises(PolicyError):
        World(**{"gap": 0.0, **wrong})


QUESTION = Question(
    world=World(gap=0.01, gold=1.0),
    policy=POLICY,
    calls_per_day=10_000,
    prices=Prices(teacher=0.002, student=0.0001, judge=0.001),
    runs=8,
    margin_runs=50,
)


def test_an_answer_counts_days_money_and_labels():
    heard = []
    found = answer(QUESTION, lambda done, of: heard.append((done, of)))
    assert heard[-1] == (58, 58)
    assert found.full == 1.0
    assert found.days.median >= found.calls.median / 10_000 - 1e-9
    assert found.gold.median == pytest.approx(2 * found.pairs.median, abs=1.5)  # both answers of a pair
    assert found.usd_judge.median == pytest.approx(2 * 0.001 * found.pairs.median)
    assert found.usd_teacher.median == pytest.approx(0.002 * found.served.median)
    assert [step.step for step in found.steps] == ["shadow", *(f"canary_{n}" for n in (1, 5, 25, 50))]
    assert found.wrong.bound == ALPHA_1
    assert found.wrong.full == 0.0 < found.wrong.upper < 0.1
    said = "\n".join(lines(QUESTION, found))
    for words in ("reached full share", "Time to full share", "Cost of comparing", "Gold labels", "margin"):
        assert words in said


def test_a_lenient_judge_promotes_what_people_would_not_and_labels_stop_it():
    """Of a student at the margin the judge sees a tenth: believed, it is promoted; corrected by half of the pairs, it is not."""
    worse = World(gap=-POLICY.delta, judge=0.1)
    believed = [play(worse, POLICY, seed) for seed in range(6)]
    assert all(run.left_shadow for run in believed)
    corrected = [play(dataclasses.replace(worse, gold=0.5), POLICY, seed) for seed in range(6)]
    assert not any(run.left_shadow for run in corrected)
    said = {gold: lines(q, answer(q)) for gold in (0.0, 0.5) for q in [_asked(worse, gold)]}
    assert any("is about its word, not about theirs" in line for line in said[0.0])
    assert any("people label 50% of the pairs" in line and "5 times coarser" in line for line in said[0.5])


def _asked(world, gold):
    return dataclasses.replace(QUESTION, world=dataclasses.replace(world, gold=gold), runs=1, margin_runs=1)


@pytest.mark.parametrize("gold", [0.05, 0.5, 1.0])
def test_what_is_compared_has_the_mean_of_what_people_say_whatever_the_judge_sees(gold):
    world = World(gap=-0.1, judge=0.3, gold=gold)
    d = world.differences(np.random.default_rng(1), np.zeros(200_000, dtype=bool))
    assert np.abs(d).max() <= 1.0
    assert d.mean() * world.scale == pytest.approx(-0.1, abs=0.02)


def test_the_days_money_lengthens_a_rollout_and_an_unknown_price_counts():
    free = answer(dataclasses.replace(QUESTION, calls_per_day=1e6, margin_runs=1))
    unknown = answer(dataclasses.replace(QUESTION, calls_per_day=1e6, margin_runs=1, prices=Prices()))
    assert unknown.days.median > 2 * free.days.median
    assert unknown.unpriced == ("teacher", "student")
    assert "for want of a price" in "\n".join(lines(QUESTION, unknown))


def test_profiles_can_be_asked_about():
    fast = dataclasses.replace(QUESTION, policy=profiled(POLICY, "replay"), margin_runs=1)
    assert answer(fast).calls.median < answer(dataclasses.replace(QUESTION, margin_runs=1)).calls.median


def test_nonsense_is_refused():
    for share in (0.0, 1.0):
        with pytest.raises(PolicyError, match="slice"):
            Weakness(share=share, gap=0.0)
    for wrong in ({"calls_per_day": 0}, {"runs": 0}):
        with pytest.raises(PolicyError):
            dataclasses.replace(QUESTION, **wrong)
