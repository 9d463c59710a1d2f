"""kill -9 and SIGSTOP of any process at any moment, under load: nothing acknowledged is lost, nothing doubled."""

import time

from faultapps import Apps
from faultbooks import Books
from faultcases import Plan
from housekit import until

from store.vocabulary import Outcome

ROUNDS = 5
KILLS = 8  # in each
RETRIES = 40


def test_forty_kills_lose_no_acknowledged_call_and_double_none(house, upstream, cases):
    """Each round begins with a start and ends with the death of all, so that no restart waits long."""
    # Segments are rolled and cleared away, and the log is folded into its file, all the time.
    house.set(journal={"segment_bytes": 16_384}, log={"checkpoint": "64KB"})
    apps, rng = Apps(house.base_url, retries=RETRIES), cases.rng
    house.start()
    with apps.steadily(cases, at_once=8):
        for number in range(ROUNDS):
            if number:
                house.kill_9_all()
                house.start()
            for _ in range(KILLS):
                time.sleep(rng.uniform(0.0, 0.5))
                house.kill_9(rng.choice(("control", *house.workers)))
        house.ready()
    house.emptied()
    books = Books(house).check(upstream, apps)
    assert {failure.status for failure in apps.failures} <= {0}, (
        "cut streams: the SDK asks for no rest of one"
    )
    assert len(apps.answers) > 200
    outcomes = {entry.outcome for entry in books.entries}
    assert outcomes <= {Outcome.COMPLETE, Outcome.LOST, Outcome.CLIENT_ABORT}
    assert 0 < books.count(Outcome.LOST) <= 8 * (ROUNDS * KILLS + ROUNDS - 1), "what was in flight at a kill"
    assert books.totals.corrupt_frames <= ROUNDS * KILLS, "at most the frame that each kill tore"


def test_a_stopped_control_delays_the_log_and_a_stopped_worker_its_own_calls(house, upstream, cases):
    apps, rng = Apps(house.base_url, retries=RETRIES), cases.rng
    house.start()
    with apps.steadily(cases, at_once=8):
        for _ in range(8):
            with house.frozen("control"):
                answered = len(apps.answers)
                time.sleep(rng.uniform(0.2, 1.0))
                until(lambda least=answered: len(apps.answers) > least, "an answer without control")
            with house.frozen(rng.choice(house.workers)):
                time.sleep(rng.uniform(0.2, 1.0))
    house.emptied()
    books = Books(house).check(upstream, apps)
    assert not apps.failures, apps.failures[:3]
    assert {entry.outcome for entry in books.entries} == {Outcome.COMPLETE}
    assert len(books.entries) == len(upstream.heard) == len(apps.answers)


def test_calls_that_were_open_when_their_worker_died_are_closed_as_lost(house, upstream, cases):
    house.set(gateway={"workers": 1})
    house.start()
    apps = Apps(house.base_url)
    with apps.asking(cases.several(5, [Plan.SILENT])):
        until(lambda: len(upstream.heard) == 5, "all of them at the upstream")
        house.kill_9("worker-0")
    assert [failure.status for failure in apps.failures] == [0] * 5
    house.ready()
    apps.through(cases.several(1))
    house.emptied()
    books = Books(house).check(upstream, apps)
    assert (books.count(Outcome.LOST), books.count(Outcome.COMPLETE)) == (5, 1)
