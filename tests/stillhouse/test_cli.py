"""The command line on its own: help, keys, what a person sees. No process is started."""

import hashlib
import io
import json

import pytest
from rich.console import Console
from typer.testing import CliRunner

from stillhouse.cli import draw
from stillhouse.cli.app import app


def run(*arguments):
    return CliRunner().invoke(app, arguments)


COMMANDS = (
    *("up", "demo", "status", "tasks", "calls", "students", "distill", "rollout", "stop-students"),
    *("explain", "export", "doctor", "keys"),
)


@pytest.mark.parametrize("command", COMMANDS)
def test_each_command_says_what_it_does(command):
    result = run(command, "--help")
    assert result.exit_code == 0
    assert "Usage" in result.output


def test_the_version():
    assert run("--version").output.startswith("stillhouse ")


def test_a_key_is_shown_once_with_its_hash():
    made = json.loads(run("keys", "support-app", "--json").output)
    assert made["sha256"] == hashlib.sha256(made["key"].encode()).hexdigest()
    assert made["key"] != json.loads(run("keys", "support-app", "--json").output)["key"]
    assert 'sha256: "' in run("keys", "support-app").output


def test_an_unknown_verb_is_a_usage_error():
    assert run("rollout", "explode", "task").exit_code == 2


def drawn(draw_it, value):
    console = Console(file=io.StringIO(), width=160)
    draw_it(console, value)
    return console.file.getvalue()


TASK = {
    "task_id": "triage",
    "calls": 1234,
    "mode": "auto",
    "state": "canary_5",
    "share": 0.05,
    "evidence": {
        "part": 0.4,
        "pairs": 321,
        "pairs_in_step": 21,
        "minimum": 200,
        "lower": -0.021,
        "mean_difference": 0.001,
        "margin": 0.03,
    },
    "teacher_score": None,
    "readiness": [{"ok": False, "words": "10 of 500 [complete] calls"}],
    "transitions": [{"ts": 1.0, "source": "shadow", "target": "canary_1", "why": "proven [red]now[/]"}],
}


def test_a_task_is_drawn_and_text_is_never_markup():
    text = drawn(draw.task, TASK)
    for part in ("triage", "1,234", "canary 5", "5%", "321 pairs", "-2.10 points", "21 of 200"):
        assert part in text
    assert "[complete]" in text
    assert "[red]now[/]" in text


def test_empty_lists_are_sentences():
    for draw_it in (draw.tasks, draw.calls, draw.students):
        assert drawn(draw_it, []).strip().endswith(".")


def test_a_call_list_holds_what_is_not_known_yet():
    row = dict.fromkeys(
        ("task", "model", "who", "outcome", "duration_ms", "prompt_tokens", "completion_tokens", "cost_usd")
    )
    assert "open" in drawn(draw.calls, [{**row, "ts": 1.0, "call_id": "c1"}])


@pytest.mark.parametrize(
    ("usd", "shown"),
    [
        (None, draw.NONE),
        (0.0, "$0"),
        (0.00002, "<$0.0001"),
        (0.0012, "$0.0012"),
        (0.01, "$0.01"),
        (0.256, "$0.26"),
        (1234.5, "$1,234.50"),
    ],
)
def test_money_is_shown_in_cents_from_a_cent_on(usd, shown):
    assert draw.money(usd) == shown


def test_the_doctor_names_levels():
    text = drawn(draw.findings, [{"name": "disk", "level": "error", "text": "full"}])
    assert "disk: full" in text
