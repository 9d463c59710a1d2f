"""Fine-tuning at a service: the right requests, each job once, the service's own words, and a ceiling that holds."""

from __future__ import annotations

import io
import json
import os
import subprocess
import sys

import httpx
import pytest
from fake_service import KEY, FakeService

from distiller.service.child import DIALECTS
from distiller.service.dialect import Wanted
from distiller.service.remote import NOTE, Limits, Remote, as_rows
from distiller.service.spec import ServiceSpec
from distiller.settings import ServiceSettings, SettingsError
from distiller.training.errors import Stopped, TrainingError
from distiller.training.report import Report
from store.vocabulary import Program

WANTED = Wanted(model="base-model", epochs=2, seed=7, suffix="stillhouse", mark="", account="acme")
ROWS = as_rows(
    [
        {"messages": [{"role": "user", "content": f"thing {n}"}, {"role": "assistant", "content": "red"}]}
        for n in range(30)
    ]
)
KINDS = tuple(DIALECTS)


@pytest.fixture
def service():
    made = []

    def make(**options):
        made.append(FakeService(**options))
        return made[-1]

    yield make
    for one in made:
        one.close()


def run(service, folder, kind="openai", *, stops=(), rows=ROWS, validation=None, **limits):
    """Run once; `stops` says after which waits the child is asked to leave."""
    folder.mkdir(exist_ok=True)
    waits = iter(range(10_000))
    given = {"usd_per_million": 25.0, "max_usd": 10.0, "max_s": 60.0, "poll_s": 0.001, **limits}
    headers = {"authorization": f"Bearer {KEY}"}
    with httpx.Client(base_url=service.url, headers=headers, timeout=5.0) as http:
        remote = Remote(
            DIALECTS[kind](), http, folder, report=Report(io.StringIO()), limits=Limits(**given),
            stopping=lambda _: next(waits) in stops,
        )  # fmt: skip
        return remote.run(WANTED, rows, validation)


@pytest.mark.parametrize("kind", KINDS)
def test_rows_become_a_model_and_the_service_is_told_what_was_wanted(service, tmp_path, kind):
    one = service()
    seen = run(one, tmp_path / "job", kind, validation=ROWS)
    assert seen.model.startswith("ft:base-model:stillhouse-")
    ((_, job),) = one.jobs.items()
    wish = job["wish"]
    train = one.files[wish.get("training_file") or wish.get("dataset")]
    assert len(train) == 30
    assert one.files[wish.get("validation_file") or wish.get("evaluationDataset")]
    epochs = (
        wish.get("n_epochs")
        or wish.get("epochs")
        or wish["method"]["supervised"]["hyperparameters"]["n_epochs"]
    )
    assert epochs == 2


@pytest.mark.parametrize("kind", KINDS)
def test_a_run_that_was_stopped_finds_its_job_again(service, tmp_path, kind):
    one = service(polls=5)
    with pytest.raises(Stopped):
        run(one, tmp_path / "job", kind, stops=(0,))
    assert run(one, tmp_path / "job", kind).model
    assert len(one.jobs) == 1
    assert run(one, tmp_path / "job", kind).model  # and again, though it is done
    assert len(one.jobs) == 1


@pytest.mark.parametrize("kind", KINDS)
def test_a_job_whose_answer_was_lost_is_found_by_its_mark(service, tmp_path, kind):
    one = service(trouble="mute")
    assert run(one, tmp_path / "job", kind).model
    assert len(one.jobs) == 1


@pytest.mark.parametrize("kind", KINDS)
def test_killed_between_the_wish_and_its_answer_nothing_is_made_twice(service, tmp_path, kind):
    one = service()
    run(one, tmp_path / "job", kind)
    note = json.loads((tmp_path / "job" / NOTE).read_text())
    (tmp_path / "job" / NOTE).write_text(json.dumps({**note, "job": None, "creating": True}))
    assert run(one, tmp_path / "job", kind).model
    assert len(one.jobs) == 1


@pytest.mark.parametrize("kind", KINDS)
def test_a_failure_is_told_in_the_services_own_words_and_the_next_run_works(service, tmp_path, kind):
    one = service(trouble="fail")
    with pytest.raises(TrainingError, match="refused by our policy"):
        run(one, tmp_path / "job", kind)
    one.trouble = ""
    assert run(one, tmp_path / "job", kind).model
    assert len(one.jobs) == 2


def test_a_lost_job_is_said_and_begun_anew(service, tmp_path):
    one = service(trouble="lose")
    with pytest.raises(TrainingError, match="no longer knows the job ftjob-1"):
        run(one, tmp_path / "job")
    one.trouble = ""
    assert run(one, tmp_path / "job").model


def test_a_busy_service_is_asked_again(service, tmp_path):
    assert run(service(trouble="busy"), tmp_path / "job").model


def test_a_job_that_hangs_is_cancelled_after_its_time(service, tmp_path):
    one = service(trouble="hang")
    with pytest.raises(TrainingError, match="not done after"):
        run(one, tmp_path / "job", max_s=0.05)
    assert [job["state"] for job in one.jobs.values()] == ["cancelled"]


def test_above_the_ceiling_nothing_is_sent(service, tmp_path):
    one = service()
    with pytest.raises(TrainingError, match="nothing was sent"):
        run(one, tmp_path / "job", max_usd=0.001)
    assert one.requests == []


def test_a_job_that_is_billed_above_the_ceiling_is_cancelled(service, tmp_path):
    one = service(trouble="dear")
    with pytest.raises(TrainingError, match=r"bills \$99.00"):
        run(one, tmp_path / "job", "together")
    assert [job["state"] for job in one.jobs.values()] == ["cancelled"]


def test_other_rows_are_another_job(service, tmp_path):
    one = service()
    run(one, tmp_path / "job")
    run(one, tmp_path / "job", rows=ROWS + ROWS)
    assert len(one.jobs) == 2


def spec(tmp_path, url):
    trainset = tmp_path / "trainset"
    trainset.mkdir()
    rows = [
        {
            "call_id": f"c{n}", "unit": f"u{n}", "passed": n % 10 != 0, "completion": {"role": "assistant", "content": "red"},
            "request": {"messages": [{"role": "system", "content": "Be."}, {"role": "user", "content": f"thing {n}"}]},
        }
        for n in range(130)
    ]  # fmt: skip
    (trainset / "train.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    folder = tmp_path / "job" / "service"
    folder.mkdir(parents=True)
    ServiceSpec(
        trainset=trainset, out=folder / "out", base_url=url, program=Program(), epochs=3, poll_s=0.05,
        service=ServiceSettings(kind="openai", upstream="provider", model="base-model", usd_per_million=25.0),
    ).save(folder)  # fmt: skip
    return folder


def child(folder):
    return subprocess.Popen(
        [sys.executable, "-m", "distiller.service.child", str(folder)],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        env={**os.environ, "STILLHOUSE_JOB_TOKEN": KEY},
    )  # fmt: skip


def test_the_child_goes_through_dspy_and_leaves_a_student_that_somebody_else_serves(service, tmp_path):
    one = service()
    folder = spec(tmp_path, one.url)
    with child(folder) as run:
        lines = [json.loads(line) for line in run.stdout]
    assert lines[-1] == {"event": "done"}
    told = json.loads((folder / "out" / "endpoint.json").read_text())
    assert told["upstream"] == "provider"
    assert told["model"].startswith("ft:base-model:")
    result = json.loads((folder / "result.json").read_text())
    assert (result["rows"], result["tokens"], round(result["usd"], 6)) == (117, 4321, 0.108025)
    (job,) = one.jobs.values()
    sizes = [len(one.files[job["wish"][key]]) for key in ("training_file", "validation_file")]
    assert sizes == [112, 5]
    assert one.files[job["wish"]["training_file"]][0]["messages"][0]["content"] == "Be."


def test_a_job_that_an_operator_cancelled_is_ended_at_the_service(service, tmp_path):
    one = service(trouble="hang")
    folder = spec(tmp_path, one.url)
    (folder.parent / "CANCELLED").touch()
    with child(folder) as run:
        for line in run.stdout:
            if json.loads(line).get("phase") == "train":
                break
        run.stdin.close()
        assert run.wait(30) == 75
    assert [job["state"] for job in one.jobs.values()] == ["cancelled"]


def test_settings_name_what_is_missing():
    with pytest.raises(SettingsError, match="choose openai, together, fireworks"):
        ServiceSettings(kind="acme", upstream="u", model="m")
    with pytest.raises(SettingsError, match="account is missing"):
        ServiceSettings(kind="fireworks", upstream="u", model="m")
