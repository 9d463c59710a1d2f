"""A student that is refused for the whole task, and what it is sure of: from the first call to FULL, and what apps receive."""

import itertools
from dataclasses import replace
from statistics import median

import pytest
from street import BRIEF, lively

from stillhouse.settings import Settings
from stillhouse.views.explain import explain
from stillhouse.views.stores import Stores
from store.vocabulary import Attempt, Calibration, Outcome, State, Verdict, Who

SURE = {"sure": 0.95, "fair": 0.7, "doubt": 0.3}
AS_IT_SAYS = Calibration(form="sum", slope=1.0, intercept=0.0, n=250, thresholds=(0.9, 0.6, 0.2))
REFUSED = {
    "verdict": Verdict.FAIL,
    "student_mean": 0.6,
    "teacher_mean": 1.0,
    "delta_mean": -0.4,
    "delta_lower": -0.45,
    "why": "it is worse",
    "detail": {"partial": [{"threshold": 0.9, "kept": 0.4, "mean": 0.0}]},
}


def kind(word):
    return word.rstrip("0123456789")


def mixed(count):
    """Ten calls: four that it is sure of, two of which it is fairly sure, four that it gets wrong."""
    n = next(count)
    return [f"{name}{n}{i}" for name, times in (("sure", 4), ("fair", 2), ("doubt", 4)) for i in range(times)]


async def test_what_a_refused_student_is_sure_of_becomes_its_own_and_all_that_apps_receive_is_right(tmp_path):
    every = dict.fromkeys(BRIEF.shadow_per_served, 1e6)  # each call of the teacher is shadowed
    policy = replace(
        BRIEF,
        shadow_per_served=every,
        minima=dict.fromkeys(BRIEF.minima, 10),
        delta=0.2,
        alpha=0.5,
        ratio_alpha=1e-9,
    )  # a wide margin, so that few calls are enough; and half of the calls are aimed at the student
    async with lively(tmp_path, policy, learnt={"calibration": AS_IT_SAYS}, screened=REFUSED) as (
        street,
        app,
    ):
        street.student.wrong = lambda word: kind(word) == "doubt"
        street.student.sure = lambda word: SURE.get(kind(word), 1.0)
        assert (street.rollout.partial, street.rollout.threshold) == (True, 0.9)
        count = itertools.count(100)
        for turn in range(40):
            if street.state == State.FULL and street.rollout.threshold < 0.9:
                break
            asked = mixed(count)
            aimed = turn % 2 and street.route.share > 0.0
            said = await (app.ask_student(*asked) if aimed else app.ask(*asked))
            assert said == asked, "whoever answers, what goes out is right"
            street.tick()
        assert street.state == State.FULL, (street.path, street.rollout.reason)
        assert street.rollout.threshold == 0.6, "where it is often wrong it is never believed"
        served = [
            r for r in street.journal.records if isinstance(r, Attempt) and r.who == Who.STUDENT and r.served
        ]
        assert {r.outcome for r in served} == {Outcome.COMPLETE}
        deferred = [
            r for r in street.journal.records if isinstance(r, Attempt) and r.outcome == Outcome.DEFERRED
        ]
        assert deferred
        assert all(r.confidence < 0.9 and not r.served for r in deferred)
        assert street.replayed() == []
        told = explain(
            Stores(log=street.log, control=street.control, folder=street.folder, settings=Settings()), "t"
        )
        causes = [line["row"]["cause"] for line in told["story"] if line["kind"] == "decision"]
        assert (causes[:2], set(causes[2:])) == (["created", "partial"], {"gate_passed"})
        changes = [line["sentence"] for line in told["story"] if "instead of from 0.900" in line["sentence"]]
        assert len(changes) == 1, "the one at which the looser threshold was published says so"
        assert "Answers go out from a confidence of 0.600 on" in changes[0]
        assert any("go out from a confidence of 0.600 on" in said for said in told["stands"])
        assert told["stands"][-1].startswith(f"Deferred: {len(deferred)} calls waited ")
        waits = told["deferred"]
        assert waits["calls"] == len(deferred)
        assert waits["vain_ms"] == pytest.approx(median(r.duration_ms for r in deferred))
        assert waits["whole_ms"] > waits["vain_ms"]
        assert waits["direct_ms"] > 0.0
