"""The command line on its own: help, keys, what a person sees. No process is started."""

import hashlib
import io
import json
from contextlib import nullcontext
from types import SimpleNamespace

import pytest
from rich.console import Console
from typer.testing import CliRunner

from stillhouse.cli import draw, main
from stillhouse.cli.app import app
from stillhouse.cli.context import House
from stillhouse.client import AdminClient
from stillhouse.errors import ConfigError, Missing, NotRunning
from stillhouse.settings import Settings
from store.errors import StoreError
from store.ids import new_id
from store.paths import DataFolder


def run(*arguments):
    return CliRunner().invoke(app, arguments)


COMMANDS = (
    *("up", "demo", "status", "tasks", "calls", "students", "distill", "rollout", "stop-students"),
    *("explain", "export", "doctor", "keys", "task"),
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


@pytest.mark.parametrize("name", ["", "two words", "a/b", "Zoë", "x\n"])
def test_a_key_needs_a_plain_name(name):
    result = run("keys", name)
    assert result.exit_code == 2
    assert "OPENAI_API_KEY" not in result.output


@pytest.mark.parametrize("wish", [("--who", "somebody"), ("--outcome", "fine")])
def test_an_unknown_wish_is_a_usage_error_that_names_the_known(wish, tmp_path):
    result = run("calls", *wish, "--data", str(tmp_path))
    assert result.exit_code == 2
    assert {"--who": "teacher, student", "--outcome": "length, refused"}[wish[0]] in " ".join(
        result.output.replace("│", " ").split()
    )


@pytest.fixture
def keyed(tmp_path):
    """A configuration whose upstream's key is not in this shell."""
    path = tmp_path / "stillhouse.yaml"
    upstream = "{name: a, base_url: 'http://127.0.0.1:9/v1', api_key_env: STILL_NOT_THERE}"
    path.write_text(
        f"data: {tmp_path / 'data'}\ngateway: {{host: 0.0.0.0, port: 0}}\ncontrol: {{port: 0}}\nupstreams: [{upstream}]\n"
    )
    return str(path)


def test_only_up_needs_the_upstreams_keys(keyed, tmp_path):
    DataFolder(tmp_path / "data").create()
    assert run("stop-students", "-c", keyed).exit_code == 0
    assert (tmp_path / "data" / "STOP").exists()
    for command in (["status"], ["calls"], ["explain", "t"], ["rollout", "abort", "t"]):
        result = run(*command, "-c", keyed)
        assert isinstance(result.exception, Missing | NotRunning), result.exception
    assert isinstance(run("up", "-c", keyed).exception, ConfigError)


def test_the_doctor_judges_what_is_configured_and_names_the_absent_key(keyed):
    found = json.loads(run("doctor", "-c", keyed, "--json").output)
    keys = [(f["level"], f["text"]) for f in found if f["name"] == "key"]
    assert keys[0][0] == "warning"
    assert "STILL_NOT_THERE is not set" in keys[0][1]
    assert keys[1] == ("ok", "Upstream a has a key of its own.")
    assert [f["level"] for f in found if f["name"] == "exposure"] == ["error"]


def test_an_erasure_whose_control_dies_is_said_to_go_on(tmp_path, monkeypatch):
    def gone(_):
        raise NotRunning("Control does not answer.")

    asked = {"erasure_id": "e-1", "finished": None, "phase": "drain"}
    client = SimpleNamespace(erase=lambda **_: asked, erasure=gone)
    monkeypatch.setattr(House, "client", lambda _: nullcontext(client))
    result = run("erase", "--user", "ann", "--yes", "--data", str(tmp_path))
    assert "the erasure e-1 and goes on with it when it runs again" in str(result.exception)


def test_who_stops_waiting_for_an_erasure_is_told_that_it_goes_on(tmp_path, monkeypatch):
    def interrupted(_):
        raise KeyboardInterrupt

    asked = {"erasure_id": "e-1", "finished": None, "phase": "drain"}
    client = SimpleNamespace(erase=lambda **_: asked, erasure=interrupted)
    monkeypatch.setattr(House, "client", lambda _: nullcontext(client))
    result = run("erase", "--user", "ann", "--yes", "--data", str(tmp_path))
    assert result.exit_code == 130
    assert "The erasure e-1 goes on: `stillhouse erasures` tells." in result.stderr


def test_an_empty_name_is_no_part_of_a_path():
    with AdminClient("http://127.0.0.1:9", "token") as client, pytest.raises(Missing):
        client.call("")


def test_what_a_store_refuses_is_one_sentence(monkeypatch, capsys):
    def refuse(**_):
        raise StoreError("The data folder cannot be made.")

    monkeypatch.setattr("stillhouse.cli.app.app", refuse)
    with pytest.raises(SystemExit) as ended:
        main()
    assert (ended.value.code, capsys.readouterr().err) == (1, "stillhouse: The data folder cannot be made.\n")


@pytest.mark.parametrize("resume", [(), ("--resume",)])
def test_students_are_stopped_only_where_data_lies(tmp_path, resume):
    result = run("stop-students", *resume, "--data", str(tmp_path / "elsewhere"))
    assert isinstance(result.exception, Missing)
    assert str(result.exception).startswith(f"There is nothing in {tmp_path / 'elsewhere'} yet")
    assert not list(tmp_path.iterdir())


def test_stopping_students_says_whose(tmp_path, monkeypatch):
    DataFolder(tmp_path / "data").create()
    monkeypatch.chdir(tmp_path)
    for arguments in ((), ("--resume",)):
        result = run("stop-students", *arguments, "--data", "data")
        assert result.exit_code == 0
        assert f"Data folder: {tmp_path / 'data'}" in result.output


def drawn(draw_it, value, width=160):
    console = Console(file=io.StringIO(), width=width)
    draw_it(console, value)
    return console.file.getvalue()


TASK = {
    "left_alone": None,
    "versions": [{"version": 2, "created": 1.0, "fingerprints": 3, "moved_from": "[b]@1"}],
    "history": [{"ts": 1.0, "sentence": "operator said rename [i]x[/i]."}],
    "self_agreement": None,
    "signals": {"accepted": 1234, "copid": 7},
    "signals_worth": {"accepted": 1.0, "copied": 0.9},
    "judge": {"words": "[b]lenient[/b]", "drawn": 5, "labelled": 2},
    "task_id": "triage",
    "name": "Tickets [by] urgency",
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
    assert "3 fingerprints, was [b]@1" in text
    assert "rename [i]x[/i]." in text
    assert "accepted 1,234" in text
    assert "copid counts as nothing: policy.signals knows accepted, copied" in text
    assert "triage Tickets [by] urgency" in text
    assert "[b]lenient[/b]" in text
    assert "3 judged answers wait" in text


def test_empty_lists_are_sentences():
    for draw_it, nothing in ((draw.tasks, []), (draw.calls, paged()), (draw.students, [])):
        assert drawn(draw_it, nothing).strip().endswith(".")


def paged(*rows, next_seq=None, complete=True):
    return {"rows": list(rows), "next_seq": next_seq, "complete": complete}


def test_a_list_of_calls_says_where_to_go_on_and_how_far_it_looked():
    assert "--before 7" in drawn(draw.calls, paged({**LONG_CALL}, next_seq=7))
    said = drawn(draw.calls, paged(next_seq=1200, complete=False))
    assert "looked down to place 1,200" in said
    assert "No call matches" not in said


def test_a_call_list_holds_what_is_not_known_yet():
    row = dict.fromkeys(
        (
            "task",
            "model",
            "who",
            "outcome",
            "duration_ms",
            "prompt_tokens",
            "completion_tokens",
            "cost_usd",
            "surface",
        )
    )
    assert "open" in drawn(draw.calls, paged({**row, "ts": 1.0, "call_id": "c1"}))


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


LONG = "classify-banking-queries"
LONG_TASK = {**TASK, "task_id": LONG, "calls": 1_234_567, "mode": "approve", "state": "awaiting_approval"}
LONG_CALL = {
    **dict.fromkeys(("model", "surface", "duration_ms", "prompt_tokens", "completion_tokens", "cost_usd")),
    "ts": 1.0,
    "call_id": new_id(),
    "task": LONG,
    "name": "What customers of a bank ask for",
    "who": "student",
    "outcome": "upstream_cut",
}
LONG_STUDENT = {
    "student_id": new_id(),
    "task_id": LONG,
    "name": "What customers of a bank ask for",
    "base": "smollm2-135m-instruct",
    "created": 1.0,
    "parity": 0.99,
    "evaluation": {"verdict": "inconclusive"},
    "server": {"pid": 123},
}


@pytest.mark.parametrize(
    ("draw_it", "row", "whole"),
    [
        (
            draw.tasks,
            LONG_TASK,
            (LONG, "1,234,567", "approve", "awaiting approval", "share", "proof", "score"),
        ),
        (
            lambda console, rows: draw.calls(console, paged(*rows)),
            LONG_CALL,
            (LONG_CALL["call_id"], "student", "upstream cut", "outcome"),
        ),
        (draw.students, LONG_STUDENT, (LONG_STUDENT["student_id"], "inconclusive", "verdict")),
    ],
)
def test_eighty_columns_hold_ids_and_states_whole(draw_it, row, whole):
    lines = drawn(draw_it, [row], width=80).splitlines()
    assert max(map(len, lines)) <= 80
    for part in whole:
        assert any(part in line for line in lines), part


def test_a_pipe_gets_every_column(capsys):
    House(settings=Settings(), config=None).show(paged({**LONG_CALL, "model": "m" * 90}), draw.calls)
    head, line = capsys.readouterr().out.splitlines()
    assert "cost" in head
    assert LONG_CALL["call_id"] in line
    assert "m" * 90 in line
