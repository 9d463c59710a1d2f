"""kill -9 while months are sealed, calls erased and old ones let go: every row is in one file, or in none."""

import random
from collections import Counter

from faultkeeper import NOW
from faultnursery import Nursery
from storebuild import price, read_answer

from store.ingester import Ingester
from store.log import Log

KILLS = 20


def test_a_keeper_killed_at_any_moment_leaves_each_call_in_one_place(tmp_path):
    rng, said = random.Random("months"), {what: set() for what in ("kept", "old", "erasing", "erased")}
    with Nursery.of("faultkeeper.py", tmp_path, "store") as nursery:
        for _ in range(KILLS):
            for line in nursery.life(lines=rng.randrange(20), then_s=rng.uniform(0.0, 0.2)):
                what, call_id = line.split()
                said[what].add(call_id)
            check_rows(tmp_path, said)
    assert len(said["kept"]) > 4 * KILLS
    assert len(said["erased"]) > 2
    with_months = Log.open(tmp_path / "log.duckdb")
    with_months.seal(NOW)
    with_months.close()
    assert list((tmp_path / "log").glob("2026-0*.duckdb"))
    check_rows(tmp_path, said)


def check_rows(root, said):
    """Open the log as the next control does; each call is there once, unless it was taken away."""
    log = Log.open(root / "log.duckdb")
    ingester = Ingester(log, root / "journal", read_answer, price)
    while ingester.step():
        pass
    ingester.step()
    totals, lines = log.totals(), root / "books.jsonl"
    log.export(lines)
    ingester.close()
    log.close()
    rows = Counter(line.split('"call_id":"', 1)[1][:36] for line in lines.read_text("utf-8").splitlines())
    assert max(rows.values(), default=1) == 1, "twice in the log"
    assert not said["erased"] & set(rows), "erased, and there again"
    missing = said["kept"] - said["erasing"] - set(rows)
    assert not missing, f"{len(missing)} are lost"
    assert totals.calls == totals.attempts == len(rows)
    assert not list((root / "log").glob("*.draft*")), "a leftover"
