"""A clock that jumps by a day, there and back, while everything runs: order and keeping do not depend on it."""

from pathlib import Path

import pytest
from faultapps import Apps
from faultbooks import Books
from housekit import until

from store.vocabulary import Outcome

HERE = Path(__file__).parent
DAY_S = 86_400


@pytest.mark.parametrize("down", [False, True], ids=["while control runs", "while control is down"])
def test_a_clock_that_jumps_a_day_loses_nothing_and_deletes_nothing(house, upstream, cases, tmp_path, down):
    clock = tmp_path / "clock"
    shift(clock, 0)
    house.variables["FAULT_CLOCK"] = str(clock)
    house.variables["PYTHONPATH"] += f":{HERE / 'shifted'}"
    house.set(retention={"days": 0.5})  # looked after when control starts
    apps = Apps(house.base_url, retries=40)
    house.start()
    with apps.steadily(cases, at_once=4):
        for seconds in (DAY_S, -DAY_S):
            wait_for_more(house, 20)
            if not down:
                shift(clock, seconds)
                until(lambda: "jumped" in str(house.look("doctor")), "the doctor's warning")
            house.kill_9("control")
            if down:
                shift(clock, seconds)
            house.kill_9(cases.rng.choice(house.workers))
            house.ready()
        wait_for_more(house, 20)
        assert "jumped" in str(house.look("doctor"))
    house.emptied()
    books = Books(house).check(upstream, apps)
    assert books.totals.last_ts - books.totals.first_ts > 1.5 * DAY_S, "the clock did jump"
    assert {entry.outcome for entry in books.entries} <= {Outcome.COMPLETE, Outcome.LOST}


def shift(clock, seconds):
    """Set every process's clock so many seconds off, at once."""
    draft = clock.with_suffix(".draft")
    draft.write_text(str(seconds))
    draft.replace(clock)


def wait_for_more(house, count):
    """Wait until so many more calls are in the log."""
    with house.ask() as client:
        before = client.status()["calls"]
        until(lambda: client.status()["calls"] >= before + count, "more calls in the log")
