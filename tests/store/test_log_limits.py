"""The log on a full disk, and with prices that nobody knows."""

import subprocess
import sys
from pathlib import Path

import pytest
from storebuild import attempt, call

from store.log import Log
from store.vocabulary import Outcome, Role, Who

CRAMPED = """
import resource, signal, sys
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, (int(sys.argv[2]), int(sys.argv[2])))
from store.log import Log
Log.open(sys.argv[1])
"""


@pytest.mark.parametrize("room", [0, 5_000, 9_000])
def test_a_log_that_was_begun_on_a_full_disk_can_be_begun_again(tmp_path, room):
    path, root = tmp_path / "log.duckdb", Path(__file__).parents[2]
    done = subprocess.run(
        [sys.executable, "-B", "-c", CRAMPED, str(path), str(room)],
        capture_output=True,
        text=True,
        cwd=root,
        check=False,
    )
    assert "StoreError: The log" in done.stderr
    assert "LogLocked" not in done.stderr
    Log.open(path).close()


def test_answers_without_a_known_price_are_counted_and_named(house):
    house.ingester._price = lambda model, usage: 0.5 if model == "gpt-x" else None
    for index, model in enumerate(["gpt-x", "local-b", "local-a", "local-a"]):
        made = call(str(index), ts=100.0)
        house.add(made, attempt(made, model=model))
    for outcome in (Outcome.ERROR, Outcome.TIMEOUT):
        made = call("failed", ts=100.0)
        house.add(made, attempt(made, model="local-a", outcome=outcome))
    opaque = call("file", ts=100.0, surface="opaque")
    student = call("student", ts=100.0)
    house.add(opaque, attempt(opaque, model=""), student, attempt(student, who=Who.STUDENT))
    totals = house.log.totals()
    assert (totals.unpriced, totals.unpriced_models) == (3, ("local-a", "local-b"))
    assert totals.cost_usd == 0.5
    assert house.log.spend(0.0, [Role.SERVE], unknown_usd=0.1) > house.log.spend(0.0, [Role.SERVE]) + 0.3
