"""The benchmarks of the ledger run whole, small: they must not rot, and what they report must be what they found."""

import json
import re
import statistics
import zlib

import pytest

import benchmarks.__main__ as runner
from benchmarks._ledger.traffic import Traffic
from gateway.capture import read_answer
from store.vocabulary import Outcome

PLACES = "".join(f"<!-- {name}: begin -->\nold\n<!-- {name}: end -->\n" for name in ("ledger", "growth"))


@pytest.fixture
def page(tmp_path, monkeypatch):
    made = tmp_path / "docs" / "benchmarks.md"
    made.parent.mkdir()
    made.write_text(f"above\n{PLACES}below\n")
    monkeypatch.setattr(runner, "PAGE", made)
    monkeypatch.setattr(runner, "RESULTS", tmp_path / "results")
    return made


def result(name):
    return json.loads((runner.RESULTS / f"{name}.json").read_text())["result"]


def plots(page):
    return {path.name: path.read_bytes() for path in (page.parent / page.stem).iterdir()}


def test_the_ledger_is_measured_and_reported(page):
    small = ["--sizes", "300,500", "--seconds", "1", "--burst", "200", "--runs", "2"]
    assert runner.main(["ledger", "--", *small]) == 0
    found = result("ledger")
    assert [size["calls"] for size in found["sizes"]] == [300, 500]
    asked = found["sizes"][-1]["queries"]
    assert asked["one call"]["rows"] == 1
    assert asked["page: newest"]["rows"] == 50
    none = {name for name, row in asked.items() if not row["rows"]}
    assert none == {"page: nothing matches", "page: a text of no call"}
    assert found["visibility"]["not_seen"] == 0
    assert found["burst"]["records_loaded"] == found["burst"]["records"] >= 2 * found["burst"]["calls"]
    text = page.read_text()
    assert text.startswith("above\n")
    assert text.endswith("below\n")
    assert text.count("old") == 1  # growth was not run
    assert all(target["what"] in text for target in found["targets"])
    shown = re.findall(r"\(benchmarks/(\S+\.svg)\)", text)
    assert sorted(shown) == sorted(plots(page))
    drawn = plots(page)
    assert runner.main(["report", "ledger"]) == 0
    assert (page.read_text(), plots(page)) == (text, drawn)


def test_a_month_is_measured_and_reported(page):
    small = ["--days", "3", "--per-day", "100", "--every", "1", "--keep", "1", "--runs", "1"]
    assert runner.main(["growth", "--", *small]) == 0
    found = result("growth")
    assert [day["calls"] for day in found["days"]] == [100, 200, 300]
    assert 0 < found["afterwards"][-1]["calls"] < 200
    assert set(found["exponents"]) == {"disk", *found["days"][0]["queries"]}
    assert "day 3" in page.read_text()


def test_the_traffic_is_the_same_again_and_flatters_no_compressor():
    asked = list(Traffic(per_day=100_000).take(2_000))
    assert asked[:50] == list(Traffic(per_day=100_000).take(50))
    said = "\n".join(item.text for item in asked).encode()
    assert 2.5 < len(said) / len(zlib.compress(said, 6)) < 3.5
    assert 3_500 < statistics.mean(item.sent_bytes for item in asked) < 5_500
    for item in asked:
        request = json.loads(item.call.body)
        assert request["messages"][-1]["content"] == item.text
        assert request.get("stream", False) == item.call.stream
        for attempt in item.attempts:
            answer = read_answer("chat", attempt.content_type, attempt.status, attempt.body)
            complete = attempt.outcome is Outcome.COMPLETE
            assert (answer.completion is not None) == (answer.usage.completion_tokens is not None) == complete
