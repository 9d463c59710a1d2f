"""What a run of the ladder's bench keeps of earlier ones, and how it is shown."""

from pathlib import Path

from benchmarks import ladder
from benchmarks._ladder.page import section

_TEST = {
    "n": 500,
    "score": 0.924,
    "low": 0.909,
    "high": 0.94,
    "exact": 0.78,
    "slot_f1": None,
    "alone_p50_ms": 767.5,
}


def _row(task, calls, rung, **more):
    made = {"verdict": "fail", "why": "", "heldout": {"n": 400, "score": 0.9}, "test": _TEST, "bytes": 2e6}
    return {"task": task, "calls": calls, "rung": rung, **made, **more}


def test_a_run_replaces_what_it_measured_again_and_keeps_the_rest_in_the_ladders_order():
    before = [
        _row("banking77", 1900, "internalised"),
        _row("snips-slots", 3400, "internalised", verdict="old"),
    ]
    again = [_row("snips-slots", 3400, "internalised"), _row("snips-slots", 1000, "internalised")]
    rows = ladder.merged(before, again)
    order = sorted({row["task"] for row in rows}, key=ladder.tasks.NAMES.index)
    assert [row["task"] for row in rows] == sorted((row["task"] for row in rows), key=order.index)
    assert [(row["calls"], row["verdict"]) for row in rows if row["task"] == "snips-slots"] == [
        (1000, "fail"),
        (3400, "fail"),
    ]
    assert len(rows) == 3


def test_a_rung_that_made_no_student_says_why_in_the_table():
    skipped = {
        "task": "triage",
        "calls": 1000,
        "rung": "classifier",
        "verdict": "skipped",
        "why": "no closed set",
    }
    said = section({"result": {"rows": [_row("banking77", 1900, "internalised"), skipped]}}, Path())
    lines = said.splitlines()
    assert "skipped: no closed set" in lines[-1]
    assert ".924 of 500 (.909 to .940)" in lines[-2]
    assert len({line.count("|") for line in lines}) == 1
