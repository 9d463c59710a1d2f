"""What is found and shown: the doctor's findings, the teacher's score, what a mode means for whom."""

from __future__ import annotations

import sys
import threading
import time
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
from housekit import free_port

from stillhouse.errors import Missing
from stillhouse.settings import Settings, convert, load
from stillhouse.views import calls, doctor, tasks
from stillhouse.views.calls import Wish
from stillhouse.views.stores import Stores
from store.control import Control
from store.ids import new_id
from store.log import Log
from store.log.load import Batch
from store.log.rows import kept
from store.paths import DataFolder
from store.vocabulary import (
    Answer,
    Attempt,
    Call,
    Outcome,
    Role,
    Score,
    ScoreSource,
    Task,
    TaskMode,
    TaskVersion,
    Who,
)

PRINT = "f" * 32


@contextmanager
def stores(root, *, live=True, **settings):
    folder = DataFolder(root).create()
    log, control = Log.open(folder.log), Control.open(folder.control)
    own = Settings.model_validate({"data": root, **settings})
    try:
        yield Stores(log=log, control=control, folder=folder, settings=own, live=live)
    finally:
        log.close()
        control.close()


def scored(here, *scores):
    """Log one answered call of the task "t", and scores (name, value, source) of its answer."""
    epoch = here.control.take_epoch("test")
    here.control.save_task(Task(task_id="t", name="T", created=1.0), epoch)
    version = TaskVersion(task_id="t", version=1, head_hash="h", fingerprints=(PRINT,))
    here.control.save_version(version, epoch)
    call = Call(
        call_id=new_id(), ts=1.0, fingerprint=PRINT, fp_version=1, model="m", body=b'{"messages": []}'
    )
    attempt = Attempt(
        attempt_id=new_id(),
        call_id=call.call_id,
        ts=2.0,
        role=Role.SERVE,
        who=Who.TEACHER,
        model="m",
        upstream="u",
        served=True,
        outcome=Outcome.COMPLETE,
    )
    completion = {"choices": [{"finish_reason": "stop", "message": {"role": "assistant", "content": "x"}}]}
    answer = Answer(completion=completion, completion_id=None)
    here.log.loader.load(Batch(calls=[(call, "w0")], attempts=[kept(attempt, answer, 0.0)]))
    here.log.add_scores(
        [
            Score(
                attempt_id=attempt.attempt_id,
                call_id=call.call_id,
                name=name,
                version="1",
                value=value,
                source=source,
                ts=time.time(),
            )
            for name, value, source in scores
        ]
    )


OWN = ("label", 1.0, ScoreSource.AGREEMENT)
SAID = ("feedback", 0.25, ScoreSource.FEEDBACK)


@pytest.mark.parametrize(
    ("policy", "scores", "shown", "words"),
    [
        ({}, [OWN], None, "no scores of the teacher yet"),
        ({"metric": "label"}, [OWN], None, "no scores of the teacher yet"),
        ({}, [SAID, OWN], 0.25, "the teacher scores 25%"),
        ({"metric": "python:a.b:c"}, [("python:a.b:c", 0.75, ScoreSource.METRIC), OWN], 0.75, "scores 75%"),
        ({"metric": "python:a.b:c"}, [OWN], None, "no scores of the teacher yet"),
        (
            {"metric": "judge", "judge": {"model": "j"}},
            [("judge", 0.5, ScoreSource.JUDGE), OWN],
            0.5,
            "scores 50%",
        ),
    ],
)
def test_the_teachers_score_is_shown_where_something_else_than_itself_measured_it(
    tmp_path, policy, scores, shown, words
):
    with stores(tmp_path, policy=policy) as here:
        scored(here, *scores)
        (row,) = tasks.tasks(here)
        assert row["teacher_score"] == shown
        (baseline,) = [check for check in row["readiness"] if check["name"] == "baseline"]
        assert words in baseline["words"]


def test_a_score_that_nobody_gave_is_said_with_those_that_there_are(tmp_path):
    with stores(tmp_path) as here:
        with pytest.raises(Missing, match=r"no score 'nosuch'; known scores: none yet\."):
            calls.calls(here, Wish(score="nosuch"))
        scored(here, SAID, OWN)
        with pytest.raises(Missing, match=r"known scores: feedback, label\."):
            calls.calls(here, Wish(score="nosuch", score_below=0.5))
        assert calls.calls(here, Wish(score="label", score_below=0.5))["rows"] == []
        assert len(calls.calls(here, Wish(score="label"))["rows"]) == 1


def test_calls_without_an_outcome_may_have_lost_it_to_a_worker_or_to_a_backup(tmp_path):
    with stores(tmp_path) as here:
        here.log.loader.load(Batch(calls=[(Call(call_id=new_id(), ts=1.0), "w0")], dead_writers={"w0"}))
        (found,) = [one for one in doctor.examine(here.settings, here) if one["name"] == "lost calls"]
        assert found["text"].startswith("1 calls have no outcome: their worker died, or the backup")


def test_a_mode_for_all_tasks_is_not_a_tasks_own(tmp_path):
    file = tmp_path / "stillhouse.yaml"
    file.write_text("policy: {mode: auto}\ntasks:\n  a: {delta: 0.1}\n  b: {mode: auto}\n")
    policies = convert.task_policies(load(file, {}))
    known = [Task(task_id=name, name=name) for name in ("a", "b", "c")]
    modes = [policies.mode(task, closed=False) for task in known]
    assert modes == [TaskMode.APPROVE, TaskMode.AUTO, TaskMode.APPROVE]
    assert {policies.mode(task, closed=True) for task in known} == {TaskMode.AUTO}


class Answering(BaseHTTPRequestHandler):
    def do_GET(self):
        self.server.asked.append((self.path, self.headers.get("authorization")))
        self.send_response(self.server.status)
        self.send_header("content-length", "0")
        self.end_headers()

    def log_message(self, *_):
        pass


@contextmanager
def upstream(status):
    server = ThreadingHTTPServer(("127.0.0.1", 0), Answering)
    server.status, server.asked = status, []
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    try:
        yield server, f"http://127.0.0.1:{server.server_address[1]}/v1"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def found(name, stores_=None, **settings):
    """The doctor's findings of one name; where nothing else is said, the upstream is a closed port."""
    settings.setdefault("upstreams", [{"name": "u", "base_url": f"http://127.0.0.1:{free_port()}/v1"}])
    findings = doctor.examine(Settings.model_validate(settings), stores_)
    return [(finding["level"], finding["text"]) for finding in findings if finding["name"] == name]


@pytest.mark.parametrize(("status", "level"), [(200, "ok"), (401, "ok"), (404, "ok"), (500, "warning")])
def test_an_upstream_that_answers_is_reachable(status, level, tmp_path):
    with upstream(status) as (server, url):
        up = {"name": "u", "base_url": url, "api_key": "sk-secret"}
        ((seen, _),) = found("upstream", data=tmp_path, upstreams=[up])
        assert seen == level
        assert server.asked == [("/v1/models", None)]


def test_an_upstream_that_nobody_answers_for_is_named(tmp_path):
    ((level, text),) = found("upstream", data=tmp_path)
    assert level == "warning"
    assert text.startswith("Upstream u is not reachable")


def test_a_metrics_module_is_looked_for_and_not_run(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    package = tmp_path / "own_metrics"
    package.mkdir()
    for file in ("__init__.py", "triage.py"):
        (package / file).write_text("raise SystemExit('it was run')")
    tasks_ = {"t": {"metric": "python:own_metrics.absent:f"}, "u": {"metric": "python:nowhere.at.all:f"}}
    policy = {"metric": "python:own_metrics.triage:f"}
    levels = [level for level, _ in found("metric", data=tmp_path, policy=policy, tasks=tasks_)]
    assert levels == ["error", "error", "ok"]  # by name: nowhere, own_metrics.absent, own_metrics.triage
    assert "own_metrics" not in sys.modules
    assert found("metric", data=tmp_path, policy={"metric": "python:json.decoder:f"})[0][0] == "ok"
    assert found("metric", data=tmp_path, policy={"metric": "label"}) == []


def test_an_encoder_that_a_rung_needs_is_missed(tmp_path):
    student = {"encoder": str(tmp_path / "none")}
    ((level, text),) = found("encoder", data=tmp_path, student=student)
    assert level == "warning"
    assert "is passed over" in text
    assert found("encoder", data=tmp_path, student=student, policy={"ladder": ["finetune"]}) == []


def test_names_that_cannot_be_found_are_an_error(tmp_path):
    own = {"distiller": {"trainset": {"names_model": "no_such_model"}}, "policy": {"redact": "names"}}
    ((level, text),) = found("names", data=tmp_path, **own)
    assert level == "error"
    assert text.startswith("No trainset can be made: redact is names, which needs")
    assert found("names", data=tmp_path) == []


def test_a_base_that_is_a_path_must_be_there(tmp_path):
    for absent in ("/no/such/base", "./no-base", "~/no-such-base", "models/of/mine"):
        ((level, text),) = found("base", data=tmp_path, student={"base": absent})
        assert level == "error"
        assert absent in text
    assert found("base", data=tmp_path, student={"base": str(tmp_path)})[0][0] == "ok"
    for name in ("smollm2-135m-instruct", "HuggingFaceTB/SmolLM2-135M"):
        assert found("base", data=tmp_path, student={"base": name}) == []


@pytest.mark.parametrize(("live", "level"), [(False, "note"), (True, "warning")])
def test_a_control_that_nobody_started_is_no_fault(tmp_path, live, level):
    with stores(tmp_path, live=live) as here:
        assert found("control", here, data=tmp_path) == [(level, "Control was never alive.")]
        here.control.take_epoch("test")
        ((now, text),) = found("control", here, data=tmp_path)
        assert now == ("ok" if live else "note")
        assert live or text.startswith("Control was last alive")
