"""Imports into a real house: before it starts, and while it runs."""

import imports
import openai
from housekit import until
from imports import MODEL, SYSTEM, brought, tuning, user


def tickets(path, first, last):
    return imports.lines(path, [tuning(f"ticket {n}", "bug", id=f"t-{n}") for n in range(first, last)])


def test_calls_from_elsewhere_become_the_task_of_the_apps_own(house, tmp_path):
    told = brought(
        None, "chat", tickets(tmp_path / "a.jsonl", 0, 30), config=house.config, more=["--model", MODEL]
    )
    assert not told["running"]
    house.start()

    def tasks(calls):
        found = house.look("tasks")
        return len(found) == 1 and found[0]["complete"] == calls and found

    until(lambda: tasks(30), "the calls that waited for the house are a task")
    told = brought(
        None, "chat", tickets(tmp_path / "b.jsonl", 20, 50), config=house.config, more=["--model", MODEL]
    )
    assert told["running"]
    until(lambda: tasks(50), "those of them that are new are in the task")
    with openai.OpenAI(base_url=house.base_url, api_key="sk-x") as client:
        client.chat.completions.create(model=MODEL, messages=[SYSTEM, user("ticket 51")])
    until(lambda: tasks(51), "the app's own call is of the same task")

    def status():
        found = house.look("status")
        ledger = found["ledger"]
        return ledger and not ledger["backlog"]["records"] and ledger["loaded"]["calls"] == 61 and found

    shown = until(status, "the ledger has all that was written")
    assert shown["ledger"]["unaccounted"] == []
    assert (shown["totals"]["calls"], shown["totals"]["app_calls"], shown["last_hour"]["calls"]) == (51, 1, 1)
