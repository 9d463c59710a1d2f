"""The log's file is not larger than what is in it: folding writes nothing anew, and small groups are put together."""

import random

from storebuild import attempt, body, call

from store.log import Log
from store.log.load import Batch
from store.log.rows import kept

LETTERS = "abcdefghijklmnopqrstuvwxyz      "


def load(log, calls):
    attempts = [kept(attempt(one)) for one in calls]
    log.loader.load(Batch(calls=[(one, "w0") for one in calls], attempts=attempts))


def asked(log, question):
    with log._database.looking() as cursor:
        return cursor.execute(question).fetchone()[0]


def test_folding_leaves_no_room_free_behind(tmp_path):
    chance = random.Random(7)
    with_text = [
        [call(f"{n}-{m}", body=body("".join(chance.choices(LETTERS, k=6_000)))) for m in range(100)]
        for n in range(10)
    ]
    log = Log.open(tmp_path / "log.duckdb", checkpoint="1MB")
    for calls in with_text:
        load(log, calls)
    used, free = (
        asked(log, f"SELECT {name} FROM pragma_database_size() WHERE database_name = 'log'")
        for name in ("used_blocks", "free_blocks")
    )
    assert used > 10
    assert free <= used // 10
    log.close()


def test_a_log_that_is_often_closed_does_not_keep_a_group_for_each_time(tmp_path):
    groups = []
    for n in range(40):
        log = Log.open(tmp_path / "log.duckdb")
        groups.append(asked(log, "SELECT count(DISTINCT row_group_id) FROM pragma_storage_info('log.calls')"))
        load(log, [call(str(n))])
        log.close()
    assert max(groups) > 1
    assert groups[-1] < max(groups) <= 33
    log = Log.open(tmp_path / "log.duckdb", read_only=True)
    assert log.totals().calls == log.totals().attempts == 40
    log.close()


def test_a_log_is_closed_twice_in_peace(tmp_path):
    log = Log.open(tmp_path / "log.duckdb")
    log.close()
    log.close()
