"""`stillhouse up` with real processes, ports and files, against a tiny local teacher."""

import json
import os
import socket
import sqlite3
import stat
import subprocess
import sys
import threading
from contextlib import closing

import httpx
import openai
from housekit import cli, get, until

from stillhouse.client import AdminClient
from store.control import Control
from store.paths import DataFolder

QUESTION = {
    "model": "gpt-4o-mini",
    "messages": [
        {"role": "system", "content": "Name the topic."},
        {"role": "user", "content": "I was charged twice."},
    ],
}


def ask(house, **more):
    with openai.OpenAI(base_url=house.base_url, api_key="sk-planted-secret", max_retries=4) as client:
        return client.chat.completions.create(**QUESTION, **more)


def logged(house):
    with AdminClient(house.data) as client:
        return client.calls(limit=1000)["rows"]


def test_a_call_is_answered_logged_and_shown(house, teacher):
    house.start()
    answer = ask(house)
    assert answer.choices[0].message.content == "billing"
    assert teacher.asked[0]["headers"]["authorization"] == "Bearer sk-planted-secret"
    until(lambda: [row for row in logged(house) if row["outcome"] == "complete"], "the call in the log")

    shown = house.cli("calls", "--json")
    assert shown.returncode == 0, shown.stderr
    row = json.loads(shown.stdout)["rows"][0]
    assert (row["model"], row["who"], row["outcome"]) == ("gpt-4o-mini", "teacher", "complete")
    one = house.look("calls", row["call_id"])
    assert one["call"]["body"]["messages"] == QUESTION["messages"]
    assert house.look("calls", answer.id) == one

    until(lambda: house.look("tasks"), "the task")
    task = house.look("tasks")[0]
    assert task["state"] == "collecting"
    assert "499 more needed" in json.dumps(task["readiness"])
    refused = house.cli("distill", task["task_id"])
    assert refused.returncode == 1
    assert "not ready" in refused.stderr
    story = house.look("explain", task["task_id"])
    assert story["waiting_for"]
    export = house.folder / "calls.jsonl"
    assert house.look("export", str(export), "--task", task["task_id"])["bytes"] > 0
    assert json.loads(export.read_text().splitlines()[0])["call_id"] == row["call_id"]
    for command in ("status", "doctor", "students"):
        assert house.look(command) is not None

    assert house.stop() == 0
    assert not list((house.data / "run").glob("*.pid"))
    offline = house.look("calls")
    assert offline["rows"][0]["call_id"] == row["call_id"]
    assert house.look("status")["running"] is False
    stored = b"".join(file.read_bytes() for file in house.data.rglob("*") if file.is_file())
    assert b"sk-planted-secret" not in stored
    assert b"sk-planted-secret" not in house.log().encode()


def private(house):
    assert stat.S_IMODE(house.data.stat().st_mode) == 0o700
    assert stat.S_IMODE((house.data / "admin.token").stat().st_mode) == 0o600


def test_control_may_be_killed(house):
    house.start()
    ask(house)
    until(lambda: len(logged(house)) == 1, "the first call in the log")
    before = house.pid("control")
    house.kill("control")
    assert ask(house).choices[0].message.content == "billing"
    until(
        lambda: (house.data / "run" / "control.pid").exists() and house.pid("control") != before,
        "a new control",
    )
    house.ready()
    until(lambda: len(logged(house)) == 2, "the second call in the log")
    assert len({row["call_id"] for row in logged(house)}) == 2


def test_a_worker_may_be_killed(house):
    house.start()
    before = house.pid("worker-0")
    house.kill("worker-0")
    assert ask(house).choices[0].message.content == "billing"
    assert house.pid("worker-0") != before


def test_the_teacher_answers_without_a_control_state(house):
    house.data.mkdir()
    (house.data / "control.sqlite").write_text("this is no database")
    worker = subprocess.Popen(
        [
            sys.executable,
            "-m",
            "stillhouse.worker",
            "--port",
            str(house.gateway_port),
            "--config",
            str(house.config),
        ],
        stdin=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
    )
    try:
        until(lambda: house._well(house.gateway_port), "the worker")
        assert ask(house).choices[0].message.content == "billing"
    finally:
        worker.stdin.close()
        assert worker.wait(20) == 0


def test_a_second_up_is_refused(house):
    house.start()
    second = house.cli("up")
    assert second.returncode == 2
    assert "already uses the data folder" in second.stderr
    assert ask(house).choices[0].message.content == "billing"


def test_a_taken_port_is_named_before_anything_starts(house):
    with socket.create_server(("127.0.0.1", house.gateway_port)):
        result = house.cli("up")
    assert result.returncode == 2
    assert result.stderr.count("\n") == 1
    assert f"Port {house.gateway_port} on 127.0.0.1 is taken" in result.stderr
    assert "gateway.port" in result.stderr
    assert not list((house.data / "run").glob("*.pid"))


def test_an_edit_counts_at_the_next_start_only(house):
    house.start()
    ask(house)
    until(lambda: len(logged(house)) == 1, "the first call in the log")
    snapshot = house.data / "run" / "settings.yaml"
    assert stat.S_IMODE(snapshot.stat().st_mode) == 0o600
    assert "sk-" not in snapshot.read_text()
    good = house.config.read_text()
    house.config.write_text("gateway: {prt: 1}\n")
    control, worker = house.pid("control"), house.pid("worker-0")
    house.kill("control")
    house.kill("worker-0")
    until(lambda: renewed(house, control=control, **{"worker-0": worker}), "both again")
    house.ready()
    assert ask(house).choices[0].message.content == "billing"
    until(lambda: len(logged(house)) == 2, "the second call in the log")
    assert house.stop() == 0
    assert not snapshot.exists()
    assert house.cli("up").returncode == 2
    house.config.write_text(good)
    assert str(house.config) in finding(house, "settings")


def renewed(house, **before):
    run = house.data / "run"
    return all((run / f"{name}.pid").exists() and house.pid(name) != pid for name, pid in before.items())


def test_a_data_folder_that_cannot_be_made_is_one_sentence(house):
    house.data.write_text("in the way")
    result = house.cli("up")
    assert result.returncode == 1
    assert result.stderr == f"stillhouse: The data folder {house.data} cannot be made: File exists.\n"


def test_a_run_folder_that_takes_nothing_is_one_sentence(house):
    DataFolder(house.data).create()
    (house.data / "run").rmdir()
    (house.data / "run").symlink_to("/proc/self/fdinfo")
    result = house.cli("up")
    assert result.returncode == 1
    assert result.stderr.startswith(f"stillhouse: The data folder {house.data} cannot be ")
    assert result.stderr.count("\n") == 1


FULL = """
import resource, runpy, sys
resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0))
sys.argv = ["stillhouse", "up", "--config", sys.argv[1]]
runpy.run_module("stillhouse", run_name="__main__")
"""


def test_on_a_full_disk_the_teacher_answers_and_everything_is_said_in_sentences(house):
    """No file may grow by a byte, in any of the processes: the start on a full disk."""
    up = subprocess.Popen(
        [sys.executable, "-B", "-c", FULL, str(house.config)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    said = []
    reader = threading.Thread(target=lambda: said.extend(up.stdout))
    reader.start()
    try:
        until(lambda: house._well(house.gateway_port), "the worker")
        assert ask(house).choices[0].message.content == "billing"
        ready = get(f"http://127.0.0.1:{house.gateway_port}/readyz").json()
        assert (ready["ready"], ready["journal"]) == (True, "full")
        until(lambda: any("control ended" in line for line in said), "the end of control")
    finally:
        up.stdin.close()
        assert up.wait(40) == 0
        reader.join()
        up.stdout.close()
    text = "".join(said)
    assert "Traceback" not in text
    assert "calls are answered but not logged" in text
    assert "settings.yaml cannot be written" in text


def test_losses_reach_the_doctor(house):
    text = house.config.read_text()
    house.config.write_text(f"{text}\njournal: {{max_bytes: 262144}}\n")
    house.start()
    for _ in range(3):
        ask(house, user="x" * 300_000)
    until(lambda: "3 records" in finding(house, "records lost"), "the losses")


def finding(house, name):
    return next(found["text"] for found in house.look("doctor") if found["name"] == name)


def test_a_wrong_setting_is_one_sentence(house):
    house.config.write_text("gateway:\n  port: nine\n")
    result = house.cli("up")
    assert result.returncode == 2
    assert result.stderr.startswith(f"stillhouse: {house.config}:2: gateway.port")
    assert result.stderr.count("\n") == 1


def test_students_can_be_stopped_and_resumed(house):
    house.start()
    stopped = house.cli("stop-students", "--json")
    assert json.loads(stopped.stdout) == {"students_stopped": True, "workers": {"worker-0": True}}
    assert house.look("status")["students_stopped"] is True
    house.kill("control")
    resumed = house.cli("stop-students", "--resume", "--json")
    assert json.loads(resumed.stdout) == {"students_stopped": False, "workers": {"worker-0": True}}


def test_up_says_that_students_are_stopped_and_every_file_is_private(house, tmp_path):
    DataFolder(house.data).create().stop_file.touch(mode=0o600)
    before = os.umask(0o022)
    try:
        house.start()
    finally:
        os.umask(before)
    until(lambda: "Stillhouse is up." in house.log(), "the banner")
    assert house.log().count("Students are stopped") == 1
    ask(house)
    until(lambda: [row for row in logged(house) if row["outcome"] == "complete"], "the call in the log")
    open_to_others = [
        file for file in house.data.rglob("*") if file.is_file() and file.stat().st_mode & 0o077
    ]
    assert open_to_others == []
    exported = house.cli("export", str(tmp_path / "calls.jsonl"))
    assert exported.stdout.startswith("1 call (")
    assert len((tmp_path / "calls.jsonl").read_text().splitlines()) == 1


def test_it_stops_when_its_owner_is_gone(house):
    house.start()
    worker = house.pid("worker-0")
    house.process.stdin.close()
    assert house.process.wait(40) == 0
    try:
        os.kill(worker, 0)
    except ProcessLookupError:
        return
    raise AssertionError("the worker outlived its supervisor")


def test_the_commands_say_when_nothing_runs(tmp_path):
    data = str(tmp_path / "none")
    for command in (["status"], ["explain", "x"]):
        result = cli(*command, "--data", data)
        assert result.returncode == 1
        assert result.stderr.count("\n") == 1
        assert "stillhouse up" in result.stderr
    result = cli("distill", "x", "--data", data)
    assert (result.returncode, "Nothing runs" in result.stderr) == (1, True)
    assert cli("doctor", "--data", data).returncode == 0


def test_the_admin_api_is_guarded_and_the_files_are_private(house):
    house.start()
    private(house)
    base = f"http://127.0.0.1:{house.control_port}"
    token = (house.data / "admin.token").read_text()
    with httpx.Client(base_url=base, trust_env=False) as client:
        assert client.get("/api/status").status_code == 401
        assert client.get("/api/status", headers={"authorization": "Bearer wrong"}).status_code == 401
        good = {"authorization": f"Bearer {token}"}
        assert client.get("/api/status", headers=good).json()["data"] == str(house.data)
        assert client.get("/api/status", headers={**good, "host": "evil.example"}).status_code == 403
        assert client.get("/", headers={"host": "evil.example"}).status_code == 403
        page = client.get("/")
        assert page.status_code == 200
        assert "default-src 'none'" in page.headers["content-security-policy"]
        assert client.get("/api/tasks/none", headers=good).status_code == 404
        assert client.post("/api/rollouts/none/approve", headers=good, json={}).status_code == 404
        assert client.post("/api/rollouts/none/explode", headers=good, json={}).status_code == 409
        assert client.get("/api/calls?limit=x", headers=good).status_code == 400
        denied = client.post("/internal/v1/chat/completions", headers=good, json=QUESTION)
        assert denied.status_code == 401


def test_any_free_port_will_do(house):
    text = (
        house.config.read_text().replace(str(house.gateway_port), "0").replace(str(house.control_port), "0")
    )
    house.config.write_text(text)
    up = subprocess.Popen(
        [sys.executable, "-m", "stillhouse", "up", "--config", str(house.config)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    )
    try:
        said = [up.stdout.readline() for _ in range(2)]
        url = said[1].split("OPENAI_BASE_URL=")[1].strip()
        house.gateway_port = int(url.rsplit(":", 1)[1].split("/")[0])
        assert ask(house).choices[0].message.content == "billing"
    finally:
        up.stdin.close()
        assert up.wait(40) == 0
        up.stdout.close()


def test_a_child_that_cannot_be_configured_stops_everything(house):
    house.data.mkdir()
    path = house.data / "control.sqlite"
    Control.open(path).close()
    with closing(sqlite3.connect(path)) as state, state:
        state.execute("UPDATE schema_version SET version = 999")
    result = house.cli("up")
    assert result.returncode == 2
    assert "schema 999" in result.stdout
    assert not list((house.data / "run").glob("*.pid"))
