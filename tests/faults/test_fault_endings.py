"""Calls that end in every way there is: each is one attempt with the outcome that it had. `make test-weights` has 10,000 of them."""

import os
from collections import Counter

from faultapps import Apps
from faultbooks import Books
from faultcases import ANY, Leaves, Plan

from distiller.scoring.shape import Shape
from distiller.settings import DistillerSettings
from distiller.trainset import freeze, read_rows, screen, split
from distiller.trainset.arrange import wanted_heldout
from distiller.trainset.rows import passing
from store.log import Log
from store.paths import DataFolder
from store.vocabulary import Outcome

CALLS = int(os.environ.get("FAULT_CALLS", "3000"))
AT_ONCE = 128
LEAVING = 0.1


def test_every_way_to_end_is_one_attempt_with_its_outcome_and_only_whole_answers_teach(
    house, upstream, cases
):
    asked = {case.name: case for case in cases.several(CALLS, ANY, leaving=LEAVING)}
    house.start()
    apps = Apps(house.base_url).through(asked.values(), at_once=AT_ONCE)
    house.emptied()

    books = Books(house).check(upstream, apps)
    wrong = [e for e in books.entries if e.outcome not in asked[e.case].outcomes]
    assert not wrong, f"{len(wrong)}: {[(e, asked[e.case]) for e in wrong[:3]]}"
    unsent = set(books.by_case) - {heard.case for heard in upstream.heard}
    assert len(books.entries) == len(upstream.heard) + len(unsent)
    assert all(asked[case].leaves is not Leaves.NEVER for case in unsent), "its app left before it was sent"
    stayed = {case.name for case in asked.values() if case.leaves is Leaves.NEVER}
    refused = {
        failure.case for failure in apps.failures if not failure.status
    }  # its connection was just being closed
    assert stayed - refused <= set(books.by_case)
    assert len(refused - set(books.by_case)) < CALLS / 1000
    assert {e.outcome for e in books.entries} == set(Outcome) - {Outcome.LOST, Outcome.DEFERRED}
    assert house.lost == 0

    learnt = trainset(house)
    whole = {e.case: e for e in books.entries if e.outcome == Outcome.COMPLETE}
    assert len(learnt) == len(whole)
    for row in learnt:
        case = row["request"]["messages"][-1]["content"].split()[0]
        assert row["completion"]["content"] == whole.pop(case).content
        assert asked[case].plan in {Plan.WHOLE, Plan.SLOW}


def trainset(house):
    """All rows of a trainset of the house's calls, screened, split and frozen as the pipeline does."""
    log = Log.open(DataFolder(house.data).log, read_only=True)
    try:
        seen = log.seen_fingerprints()
        found = log.exchanges([one.fingerprint for one in seen], limit=2 * CALLS)
    finally:
        log.close()
    assert len(seen) == 1
    assert Counter(one.outcome for one in found)[Outcome.COMPLETE] > CALLS // 3
    rows = screen(found, shape=Shape.TEXT, threshold=0.5, judged=False).rows
    parted = split(rows, heldout=wanted_heldout(passing(rows), DistillerSettings()))
    assert parted.straddling == 0
    freeze(parted, house.folder / "trainset", {})
    return [
        row for part in ("train", "heldout") for row in read_rows(house.folder / "trainset" / f"{part}.jsonl")
    ]
