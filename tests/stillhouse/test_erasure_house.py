"""`stillhouse erase` on a running house: real processes, real calls, a mark planted everywhere."""

import json
import sqlite3
from contextlib import closing

import duckdb
import httpx
import pytest
import yaml
from erasurekit import MARK, OTHER, SUBJECT, bytes_with, plant_artifacts
from housekit import until

from stillhouse.client import AdminClient
from store.control import Control
from store.paths import DataFolder


@pytest.fixture
def rolling(house):
    """A house whose segments last a second."""
    settings = yaml.safe_load(house.config.read_text())
    house.config.write_text(yaml.safe_dump({**settings, "journal": {"roll_s": 1}}))
    house.start()
    return house


def call(house, user, text):
    body = {"model": "gpt-4o-mini", "user": user, "messages": [{"role": "user", "content": text}]}
    url, key = f"{house.base_url}/chat/completions", {"authorization": "Bearer sk-any"}
    answer = httpx.post(url, json=body, headers=key, timeout=20, trust_env=False)
    assert answer.status_code == 200
    return answer.json()["id"]


def say(house, completion, comment):
    url, key = f"{house.base_url}/feedback", {"authorization": "Bearer sk-any"}
    body = {"id": completion, "score": 1, "comment": comment}
    assert httpx.post(url, json=body, headers=key, timeout=20, trust_env=False).status_code < 300


def talk(house, count=12):
    """Let both users call and give feedback; gives each one's call ids."""
    for number in range(count):
        user, text = (SUBJECT, MARK) if number % 3 == 0 else (OTHER, "plain")
        say(house, call(house, user, f"{number}: {text}"), f"about {text}")
    with AdminClient(house.data) as client:

        def ids():
            rows = [client.call(row["call_id"]) for row in client.calls(limit=1000)["rows"]]
            if sum(len(row["feedback"]) for row in rows) < count:
                return None
            return {
                user: [r["call"]["call_id"] for r in rows if r["call"]["user"] == user]
                for user in (SUBJECT, OTHER)
            }

        return until(ids, "all calls and their feedback in the log")


def plant(house, calls):
    folder = DataFolder(house.data)
    with closing(Control.open(folder.control)) as control, closing(sqlite3.connect(folder.control)) as plain:
        (epoch,) = plain.execute("SELECT epoch FROM leader").fetchone()
        return plant_artifacts(folder, control, epoch, calls)


def columns_with(data, *texts):
    """Read every text of the closed log, without any of the product's own code."""
    found = []
    for path in (data / "log.duckdb", *(data / "log").glob("*.duckdb")):
        with duckdb.connect(path, read_only=True) as log:
            for (table,) in log.execute("SELECT table_name FROM duckdb_tables()").fetchall():
                rows = str(log.execute(f'SELECT * FROM "{table}"').fetchall())
                found += [
                    (path.name, table) for text in texts if text in rows or json.dumps(text)[1:-1] in rows
                ]
    return found


def unscored(detail):
    """Give a call without its scores, which may come at any time."""
    return {**detail, "attempts": [{**attempt, "scores": None} for attempt in detail["attempts"]]}


def test_a_subject_is_gone_from_every_file_and_the_others_are_as_they_were(rolling):
    house = rolling
    calls = talk(house)
    planted = plant(house, calls)
    exported = house.data / "mine.jsonl"
    assert house.look("export", str(exported))["calls"] == 12
    parquet = house.folder / "mine.parquet"
    assert house.look("export", str(parquet))["calls"] == 12
    assert duckdb.read_parquet(str(parquet)).count("*").fetchone() == (12,)
    with AdminClient(house.data) as client:
        before = {call_id: unscored(client.call(call_id)) for call_id in calls[OTHER]}
        copies = house.look("erasures")
    assert copies == []
    assert {"cache/dspy/entry", "mine.jsonl"} <= set(bytes_with(house.data, SUBJECT, MARK))

    told = house.cli("erase", "--user", SUBJECT, "--also", MARK, "--yes")
    assert told.returncode == 0, told.stderr + house.log()
    assert "proof: searching" in told.stdout
    assert "student-1 learnt from such rows" in told.stdout
    assert f"Not touched: the export {planted.elsewhere}" in told.stdout
    assert not exported.exists()
    assert bytes_with(house.data, SUBJECT, MARK) == []

    (listed,) = house.look("erasures")
    assert (listed["phase"], listed["report"]["log"]["calls"]) == ("done", 4)
    assert SUBJECT not in json.dumps(listed)
    with AdminClient(house.data) as client:
        assert {call_id: unscored(client.call(call_id)) for call_id in calls[OTHER]} == before
        assert len(client.calls(limit=1000)["rows"]) == len(calls[OTHER])
    call(house, OTHER, "and the house goes on")
    assert house.stop() == 0
    assert bytes_with(house.data, SUBJECT, MARK) == []
    assert columns_with(house.data, SUBJECT, MARK) == []
    assert columns_with(house.data, OTHER)


def test_control_may_be_killed_at_any_phase_and_later_calls_are_not_its_business(rolling):
    house = rolling
    calls = talk(house)
    plant(house, calls)
    with AdminClient(house.data) as client:
        asked = client.erase(user=SUBJECT, also=[MARK])
    seen = set()
    for _ in range(3):  # wherever it is by then
        before = house.pid("control")
        house.kill("control")
        until(lambda before=before: _new_control(house, before), "a new control")
        with AdminClient(house.data) as client:
            seen.add(client.erasure(asked["erasure_id"])["phase"])
    later = call(house, SUBJECT, "I am still here")
    with AdminClient(house.data) as client:
        ended = until(lambda: _ended(client, asked), f"its end, from {seen}")
    assert ended["phase"] == "done", ended["report"]
    assert ended["report"]["log"]["calls"] in (4, 5)
    assert later
    assert columns_after_stop(house, MARK) == []


def test_without_a_running_house_nothing_is_asked(house):
    told = house.cli("erase", "--user", SUBJECT, "--yes")
    assert told.returncode == 1
    assert "stillhouse up" in told.stderr
    told = house.cli("erase", "--user", SUBJECT, "--call", "x", "--yes")
    assert "one user, one conversation or one call" in told.stderr


def columns_after_stop(house, *texts):
    assert house.stop() == 0
    assert bytes_with(house.data, *texts) == []
    return columns_with(house.data, *texts)


def _new_control(house, before):
    try:
        return house.pid("control") != before and house._well(house.control_port)
    except (OSError, ValueError):
        return False


def _ended(client, asked):
    now = client.erasure(asked["erasure_id"])
    return now if now["finished"] else None
