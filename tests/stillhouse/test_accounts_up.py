"""The accounts of a real house: through a worker's and control's kill -9, with answers that wait for the disk."""

import openai
from housekit import get, until

from stillhouse.client import AdminClient

QUESTION = {"model": "gpt-4o-mini", "messages": [{"role": "user", "content": "I was charged twice."}]}


def ask(house, times):
    with openai.OpenAI(base_url=house.base_url, api_key="sk-x", max_retries=4) as client:
        for _ in range(times):
            client.chat.completions.create(**QUESTION)


def ledger(house):
    with AdminClient(house.data) as client:
        return client.status()["ledger"]


def test_what_was_forwarded_is_accounted_for_through_kills(house):
    with house.config.open("a") as file:
        file.write("\njournal: {durability: reply-after-sync, tally_s: 0.2, roll_s: 1.0}\n")
    house.start()
    ask(house, 5)

    def loaded(calls):
        found = ledger(house)
        return found and found["loaded"]["calls"] >= calls and not found["backlog"]["records"] and found

    until(lambda: loaded(5), "five calls in the log")
    found = ledger(house)
    assert found["kept"]["calls"] == found["loaded"]["calls"] == 5
    assert found["unaccounted"] == []
    shown = house.cli("status").stdout
    assert "10 records kept, none lost; all in the log" in " ".join(shown.split())

    house.kill("worker-0")
    ask(house, 5)
    until(lambda: loaded(10), "ten calls in the log")
    house.kill("control")
    ask(house, 5)
    house.ready()
    until(lambda: loaded(15), "fifteen calls in the log")
    assert ledger(house)["unaccounted"] == []
    with AdminClient(house.data) as client:
        names = {found["name"]: found["level"] for found in client.doctor()}
        text = get(f"{client.url}/metrics").text
    assert names["accounts"] == "ok"
    assert "unaccounted" not in names
    assert 'stillhouse_records_loaded_total{kind="calls"} 15\n' in text
    assert "stillhouse_unaccounted_records 0\n" in text
