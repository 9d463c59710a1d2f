"""The child end to end on a tiny encoder; a killed job goes on with what it has encoded."""

import json

import pytest
from safetensors.numpy import load_file
from tiny_encoder import HEAD, LABELS, end, events, make_row, spec_for, start, write_trainset

from distiller.classifier.model import Classifier
from distiller.classifier.vectors import CHUNK
from distiller.training.errors import BaseUnavailable
from distiller.training.lifeline import EXIT_STOPPED
from store.program import read as read_program


@pytest.fixture
def child(tmp_path):
    started = []

    def run(job):
        started.append(start("distiller.classifier.child", job, log=tmp_path / "log.txt"))
        return started[-1]

    yield run
    for one in started:
        end(one)


def head_of(job):
    return load_file(job / "out" / "classifier" / "head.safetensors")


def test_it_learns_answers_and_says_how_well(made):
    result, out = made.result, made.job / "out"
    assert made.events[-1] == {"event": "done"}
    phases = [event["phase"] for event in made.events if event["event"] == "progress"]
    assert list(dict.fromkeys(phases)) == ["load", "encode", "fit", "generate"]
    assert (result["labels"], result["rows"], result["trained_rows"]) == (3, 640, 640 - 59)
    assert result["validation_rows"] == result["trained_rows"]
    assert result["validation_accuracy"] > 0.95
    labels = json.loads((out / "classifier" / "labels.json").read_text())
    assert sorted(label["content"] for label in labels) == sorted(LABELS), "the usual spelling of each"
    program = read_program(json.loads((out / "program.json").read_text()))
    assert program.silent
    assert program.head_hash
    outputs = [json.loads(line) for line in (out / "heldout_outputs.jsonl").read_text().splitlines()]
    assert len(outputs) == result["heldout_outputs"] == 60
    right = [make_row(i)["completion"]["content"].strip(".").lower() for i in range(640, 700)]
    same = sum(o["message"]["content"].lower() == label for o, label in zip(outputs, right, strict=True))
    assert same >= 57
    assert all(o["text"] == o["message"]["content"] for o in outputs)


def test_a_killed_job_goes_on_and_ends_the_same(made, tmp_path, tiny, labelled, child):
    job = tmp_path / "job"
    spec_for(job, labelled, tiny)
    first = child(job)
    assert any(event["event"] == "checkpoint" for event in events(first))
    first.kill()
    first.wait()
    kept = {path: path.stat().st_mtime_ns for path in (job / "cache").glob("*.npy")}
    assert kept
    assert not (job / "result.json").exists()

    second = child(job)
    assert list(events(second))[-1] == {"event": "done"}
    assert second.wait(60) == 0
    assert {path: path.stat().st_mtime_ns for path in kept} == kept, "nothing was encoded twice"
    assert len(list((job / "cache").glob("*.npy"))) == -(-made.result["trained_rows"] // CHUNK)
    alone, mended = head_of(made.job), head_of(job)
    assert all((alone[name] == mended[name]).all() for name in alone)


def test_it_stops_when_its_owner_is_gone(tmp_path, tiny, labelled, child):
    job = tmp_path / "job"
    spec_for(job, labelled, tiny)
    one = child(job)
    one.stdin.close()
    told = list(events(one))
    assert one.wait(60) == EXIT_STOPPED
    assert "stopped" in told[-1]["message"]


@pytest.mark.parametrize(
    ("rows", "sentence"),
    [
        ([make_row(i, passed=False) for i in range(40)], "no closed set"),
        ([make_row(i * 6) for i in range(40)], "the same"),
    ],
)
def test_what_cannot_be_learnt_is_one_sentence(tmp_path, tiny, child, rows, sentence):
    job = tmp_path / "job"
    spec_for(job, write_trainset(tmp_path / "set", rows, []), tiny)
    one = child(job)
    told = list(events(one))
    assert one.wait(60) == 1
    assert told[-1]["event"] == "error"
    assert sentence in told[-1]["message"]


def test_a_job_without_a_spec_and_one_without_an_encoder_say_so(tmp_path, labelled, child):
    (tmp_path / "empty").mkdir()
    one = child(tmp_path / "empty")
    assert list(events(one))[-1]["message"].startswith(f"cannot read {tmp_path / 'empty' / 'spec.json'}")
    spec_for(tmp_path / "bare", labelled, tmp_path / "nowhere")
    other = child(tmp_path / "bare")
    assert "config.json is missing" in list(events(other))[-1]["message"]


def test_a_student_keeps_its_encoder_and_refuses_another(made, tmp_path):
    loaded = Classifier.load(made.job / "out" / "classifier")
    request = {"messages": [*HEAD, {"role": "user", "content": "stone stone stone river"}]}
    assert loaded.answers[loaded.decide(request).best]["content"] in LABELS
    about = made.job / "out" / "classifier" / "classifier.json"
    told = about.read_text()
    try:
        about.write_text(told.replace('"sha256": "', '"sha256": "0'))
        with pytest.raises(BaseUnavailable, match="not the one"):
            Classifier.load(about.parent)
    finally:
        about.write_text(told)
