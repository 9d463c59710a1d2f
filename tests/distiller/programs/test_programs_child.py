"""The child as its parent sees it: real optimisers, a real server, real weights (tiny), and kills."""

import json
import os
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest
from tiny_student import ROOT, make_base, make_row, write_trainset

from distiller.programs.spec import PromptSpec, Way
from distiller.scoring.spec import MetricSpec
from distiller.training.rows import read_rows
from distiller.training.spec import TrainSpec
from store.program import read
from store.prompt import head_hash


def full(i):
    """A row as a trainset's file has it."""
    return {**make_row(i), "seq": i, "user": None, "input_hash": f"h{i}"}


@pytest.fixture(scope="module")
def base(tmp_path_factory):
    return make_base(tmp_path_factory.mktemp("base"))


@pytest.fixture
def job(tmp_path, base):
    def make(way, n=72):
        train = [full(i) for i in range(n)]
        trainset = write_trainset(tmp_path / "set", train, [full(i) for i in range(n, n + 12)])
        spec = PromptSpec(
            way=way,
            train=TrainSpec(
                trainset=trainset, base=base, base_name=str(base), out=tmp_path / "rung" / "out", epochs=4.0,
                lr=1e-2, device="cpu", threads=1, seed=3, checkpoint_every=5, max_length=512, max_new_tokens=8,
                student_name="tiny", task_id="light",
            ),
            metric=MetricSpec(name="label"),
            head_hash=head_hash(train[0]["request"]),
            context=512,
            validation=24,
        )  # fmt: skip
        spec.save(tmp_path / "rung")
        return tmp_path / "rung"

    return make


@pytest.fixture
def start():
    """Starts a child; gives the process. What still runs at the end is killed."""
    started = []

    def begin(folder):
        with (folder / "log.txt").open("ab") as log:
            process = subprocess.Popen(
                [sys.executable, "-m", "distiller.programs.child", str(folder)],
                stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=log, text=True, cwd=ROOT, env=dict(os.environ),
            )  # fmt: skip
        started.append(process)
        return process

    yield begin
    for process in started:
        process.kill()
        process.wait()
        process.stdin.close()
        process.stdout.close()


def events(process):
    return [json.loads(line) for line in process.stdout]


def servers_of(folder, base):
    """The servers that serve weights of this job."""
    mine = {str(base / "student.gguf"), *map(str, folder.glob("*.gguf"))}
    found = []
    for process in psutil.process_iter():
        try:
            if mine & set(process.cmdline()):
                found.append(process)
        except psutil.Error:
            continue
    return found


def gone(folder, base):
    end = time.monotonic() + 30
    while servers_of(folder, base) and time.monotonic() < end:
        time.sleep(0.1)
    return not servers_of(folder, base)


def answered(folder):
    lines = (folder / "cache" / "answers.jsonl").read_text().split("\n")
    return [json.loads(line)["asked"] for line in lines if line.endswith("}")]


def test_prompt_and_weights_are_found_together_whatever_kills_the_child(job, start, base):
    folder = job(Way.BOTH)
    first = start(folder)
    for line in first.stdout:
        if json.loads(line)["event"] == "checkpoint":
            break
    first.kill()
    first.wait()
    assert gone(folder, base)
    before = answered(folder)
    assert before
    second = start(folder)
    seen = events(second)
    assert second.wait(120) == 0, (folder / "log.txt").read_text()[-3000:]
    assert seen[-1] == {"event": "done"}
    assert gone(folder, base)
    result = json.loads((folder / "result.json").read_text())
    assert result["resumed_at"] >= 5
    assert result["score"] > result["start_score"]
    assert {one["strategy"] for one in result["tried"]} == {"", "p", "p -> w", "p -> w -> p"}
    after = answered(folder)
    assert after[: len(before)] == before
    assert not set(after[len(before) :]) & set(before)
    program = read(json.loads((folder / "out" / "program.json").read_text()))
    assert 2 * len(result["demo_calls"]) == len(program.demos)
    trainset = Path(result["spec"]["train"]["trainset"])
    assert read_rows(trainset / "heldout.jsonl", program).foreign == 0
    (tuned,) = folder.glob("tuned-*.gguf")
    assert (folder / "out" / "student.gguf").samefile(tuned)


def test_the_end_of_its_input_stops_a_child_and_its_server(job, start, base):
    folder = job(Way.FEWSHOT)
    process = start(folder)
    for line in process.stdout:
        if json.loads(line).get("phase") == "search":
            break
    process.stdin.close()
    last = events(process)[-1]
    assert process.wait(60) == 75
    assert "a rerun goes on" in last["message"]
    assert gone(folder, base)


def test_too_few_conversations_to_compare_on_are_an_error_in_words(job, start):
    process = start(job(Way.FEWSHOT, n=24))
    assert events(process)[-1]["message"].startswith("8 conversations to compare candidates on")
    assert process.wait(60) == 1
