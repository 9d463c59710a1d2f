"""A person labels answers that a judge scored: the queue, the labels, and what is then said of the judge."""

import io
import json
from dataclasses import replace

import pytest
from fastapi.testclient import TestClient
from rich.console import Console
from typer.testing import CliRunner

from stillhouse.admin import app as admin
from stillhouse.cli import audit as command
from stillhouse.cli.app import app as cli
from stillhouse.desk import ControlDesk
from stillhouse.errors import Missing, Refused
from stillhouse.settings import Settings
from stillhouse.settings.policy import Policy
from stillhouse.views import doctor, tasks
from stillhouse.views.audit import audit
from stillhouse.views.stores import Stores
from store.control import Control
from store.ids import new_id
from store.log import Log
from store.log.load import Batch
from store.log.rows import kept
from store.paths import DataFolder
from store.vocabulary import Answer, Attempt, Call, Role, Score, ScoreSource, Task, TaskVersion, Who

PRINT = "f" * 32


def score(attempt, value, *, drawn=True, version="1", ts=5.0, position=None):
    return Score(
        attempt_id=attempt.attempt_id,
        call_id=attempt.call_id,
        name="judge",
        version=version,
        value=value,
        source=ScoreSource.JUDGE,
        ts=ts,
        position=position,
        propensity=0.05,
        drawn=drawn,
    )


def attempt(call, *, who=Who.TEACHER, served=True, said="It is red."):
    message = {"role": "assistant", "content": said}
    made = Attempt(
        attempt_id=new_id(),
        call_id=call.call_id,
        ts=2.0,
        role=Role.SERVE if served else Role.SHADOW,
        who=who,
        served=served,
        model="m",
        upstream="u",
    )
    return made, kept(
        made, Answer(completion={"choices": [{"message": message, "finish_reason": "stop"}]}), 0.0
    )


def call(text):
    body = json.dumps({"model": "m", "messages": [{"role": "user", "content": text}]}).encode()
    return Call(call_id=new_id(), ts=1.0, fingerprint=PRINT, fp_version=1, model="m", body=body)


@pytest.fixture
def here(tmp_path):
    folder = DataFolder(tmp_path).create()
    log, control = Log.open(folder.log), Control.open(folder.control)
    epoch = control.take_epoch("test")
    control.save_task(Task(task_id="t", name="T", created=1.0), epoch)
    control.save_version(TaskVersion(task_id="t", version=1, head_hash="h", fingerprints=(PRINT,)), epoch)
    settings = Settings.model_validate({"data": tmp_path})
    yield Stores(log=log, control=control, folder=folder, settings=settings, live=True)
    log.close()
    control.close()


@pytest.fixture
def desk(here):
    return ControlDesk(here, 1, executor=None, erasing=None)


@pytest.fixture
def answers(here):
    """Three calls: one drawn pair, one drawn answer, one that was not drawn."""
    pair, single, other = call("the pair"), call("the single one"), call("the other")
    teacher, student = attempt(pair), attempt(pair, who=Who.STUDENT, served=False, said="It is blue.")
    alone, rest = attempt(single), attempt(other)
    batch = Batch(calls=[(c, "w0") for c in (pair, single, other)], attempts=[])
    batch.attempts += [one for _, one in (teacher, student, alone, rest)]
    here.log.loader.load(batch)
    here.log.add_scores(
        [
            score(teacher[0], 0.9, position=0.25),
            score(student[0], 0.8, position=0.25),
            score(alone[0], 1.0),
            score(rest[0], 1.0, drawn=False),
        ]
    )
    return [made for made, _ in (teacher, student, alone, rest)]


def test_what_was_drawn_waits_and_nothing_gives_away_what_the_judge_said(here, answers):
    found = audit(here, "t")
    assert (found["waiting"], found["drawn"], found["labelled"], found["bias"]) == (3, 3, 0, None)
    assert [a["id"] for a in found["answers"]] == [a.attempt_id for a in answers[:3]]
    assert found["answers"][1] == {
        "id": answers[1].attempt_id,
        "call_id": answers[1].call_id,
        "ts": 1.0,
        "input": "the pair",
        "answer": "It is blue.",
        "tool_calls": [],
        "correction": None,
    }
    assert found["position"] == {"mean": 0.25, "calls": 1}
    assert len(audit(here, "t", 1)["answers"]) == 1


def test_labels_become_gold_scores_and_the_judges_bias_is_told(here, desk, answers):
    teacher, student, alone, _ = answers
    for one, label in ((teacher, "good"), (student, "bad")):
        made = desk.label("t", one.attempt_id, label)
        assert (made["name"], made["source"], made["attempt_id"]) == ("gold", "gold", one.attempt_id)
    desk.label("t", alone.call_id, "0.5")  # a call with one answer is named as well by its own id
    found = audit(here, "t")
    assert (found["waiting"], found["labelled"]) == (0, 3)
    assert found["bias"]["mean"] == pytest.approx((-0.1 + 0.8 + 0.5) / 3)
    assert found["bias"]["agreement"] == pytest.approx(2 / 3)
    desk.label("t", student.attempt_id, "0.8")  # the last word counts
    assert audit(here, "t")["bias"]["mean"] == pytest.approx((-0.1 + 0.0 + 0.5) / 3)
    shown = tasks.task(here, "t")
    assert shown["judge"]["labelled"] == 3
    assert shown["teacher_score"] == pytest.approx(0.75)  # people count for more than the judge
    (told,) = [f for f in doctor.examine(here.settings, here) if f["name"] == "judge"]
    assert told["text"].startswith("The judge of t: judge less person")


def test_labels_of_answers_that_were_not_drawn_say_nothing_of_the_judge(here, desk, answers):
    desk.label("t", answers[3].attempt_id, "bad")
    found = audit(here, "t")
    assert (found["waiting"], found["labelled"], found["bias"]) == (3, 0, None)
    (told,) = [f for f in doctor.examine(here.settings, here) if f["name"] == "judge"]
    assert (told["level"], "3 of its answers wait" in told["text"]) == ("note", True)


def test_another_judge_starts_its_own_audit(here, desk, answers):
    desk.label("t", answers[2].attempt_id, "bad")
    here.log.add_scores([score(answers[2], 0.25, version="2", ts=9.0)])
    found = audit(here, "t")
    assert (found["drawn"], found["labelled"]) == (1, 1)
    assert found["bias"]["mean"] == 0.25  # the person's word holds for whoever judges


def test_what_cannot_be_labelled_is_said(here, desk, answers):
    with pytest.raises(Refused, match=answers[1].attempt_id):
        desk.label("t", answers[0].call_id, "good")
    with pytest.raises(Missing, match="No complete answer of the task 't'"):
        desk.label("t", new_id(), "good")
    with pytest.raises(Missing, match="No complete answer"):
        desk.label("t", "no id at all", "good")
    with pytest.raises(Refused, match="good, bad or a number"):
        desk.label("t", answers[2].attempt_id, "splendid")
    with pytest.raises(Missing, match="no task 'u'"):
        desk.label("u", answers[2].attempt_id, "good")
    assert audit(here, "t")["labelled"] == 0


def test_the_admin_api_lists_and_takes_labels(here, desk, answers):
    app = admin.build(here, desk, (), token="t", hosts=())
    with TestClient(app, "http://localhost", headers={"authorization": "Bearer t"}) as client:
        first = client.get("/api/tasks/t/audit", params={"limit": 1}).json()["answers"][0]
        made = client.post("/api/tasks/t/audit", json={"target": first["id"], "label": "0.25"})
        assert (made.status_code, made.json()["value"]) == (201, 0.25)
        assert client.get("/api/tasks/t/audit").json()["labelled"] == 1
        assert (
            client.post("/api/tasks/t/audit", json={"target": first["id"], "label": "x"}).status_code == 409
        )
        assert client.get("/api/tasks/u/audit").status_code == 404


@pytest.mark.parametrize(("method", "path"), [("GET", "/api/nosuch"), ("PUT", "/api/status")])
def test_what_is_not_there_is_refused_in_the_apis_own_words(here, desk, method, path):
    app = admin.build(here, desk, (), token="t", hosts=())
    with TestClient(app, "http://localhost", headers={"authorization": "Bearer t"}) as client:
        said = client.request(method, path)
        assert said.status_code in {404, 405}
        assert said.json() == {"error": {"message": f"There is no {method} {path} here."}}


def test_an_audit_without_a_judge_says_so(here, desk):
    bare = replace(here, settings=here.settings.model_copy(update={"policy": Policy(), "tasks": {}}))
    terminal = Console(file=io.StringIO(), width=200)
    command.draw(terminal, audit(bare, "t"))
    assert "has no judge to audit: set policy.judge.model, or tasks.t.judge." in terminal.file.getvalue()


def test_the_queue_is_drawn_for_a_person(here, desk, answers):
    for one in answers[:2]:
        desk.label("t", one.attempt_id, "good")
    terminal = Console(file=io.StringIO(), width=200)
    command.draw(terminal, audit(here, "t"))
    drawn = terminal.file.getvalue()
    assert answers[2].attempt_id in drawn
    assert "It is red." in drawn
    assert "1 of 3 answers wait for a label." in drawn
    assert "Standing first is worth +0.250 to it (pairs compared: 1)." in drawn


def test_the_command_reads_the_stores_without_a_house_and_labels_only_with_one(here, answers):
    data = str(here.folder.root)
    here.log.close()
    shown = CliRunner().invoke(cli, ["audit", "t", "--json", "--data", data])
    assert json.loads(shown.stdout)["waiting"] == 3
    refused = CliRunner().invoke(
        cli, ["audit", "t", "--label", answers[2].attempt_id, "good", "--data", data]
    )
    assert refused.exit_code != 0
