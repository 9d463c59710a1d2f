"""A student in the forms of other programs: each form is read by what it is for, or as it documents."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest
from standin import StandIn

from distiller.exporting import export_student
from distiller.exporting.student import modelfile
from store.vocabulary import Engine, Program, Student

HEAD = {"role": "system", "content": "Name the colour."}
DEMO = ({"role": "user", "content": "sky"}, {"role": "assistant", "content": "blue"})


def row(text, answer, *, passed=True, **more):
    request = {
        "model": "m",
        "messages": [{"role": "system", "content": "Be."}, {"role": "user", "content": text}],
        **more,
    }
    return {
        "call_id": text,
        "request": request,
        "completion": {"role": "assistant", "content": answer},
        "passed": passed,
    }


@pytest.fixture
def exported(tmp_path):
    weights, trainset = tmp_path / "weights", tmp_path / "trainset"
    (weights / "adapter").mkdir(parents=True)
    (weights / "adapter" / "adapter_model.safetensors").write_bytes(b"adapter")
    (weights / "student.gguf").write_bytes(b"GGUF")
    (weights / "heldout_outputs.jsonl").write_text("{}")
    trainset.mkdir()
    tools = [{"type": "function", "function": {"name": "f"}}]
    rows = [row("grass", "green"), row("mud", "brown", passed=False), row("coal", "black", tools=tools)]
    (trainset / "train.jsonl").write_text("".join(json.dumps(one) + "\n" for one in rows))
    student = Student(
        student_id="s", task_id="t", task_version=1, recipe="finetune", base="b", trainset_id="x", created=1.0,
        program=Program(head=(HEAD,), demos=DEMO),
    )  # fmt: skip
    files = export_student(student, weights, [trainset], tmp_path / "out")
    return tmp_path / "out", files


def lines(path: Path):
    return [json.loads(line) for line in path.read_text().splitlines()]


def test_everything_is_there_and_nothing_else(exported):
    out, files = exported
    assert files == [
        "Modelfile", "adapter/adapter_model.safetensors", "dspy/program.py", "dspy/student.json", "student.gguf",
        "train.openai.jsonl", "train.trl.jsonl",
    ]  # fmt: skip
    assert (out / "student.gguf").read_bytes() == b"GGUF"


def test_rows_are_what_the_student_saw_and_only_those_it_learnt(exported):
    out, _ = exported
    first, second = lines(out / "train.openai.jsonl")
    assert [m["content"] for m in first["messages"]] == ["Name the colour.", "sky", "blue", "grass", "green"]
    assert "tools" not in first
    assert second["tools"]
    trl = lines(out / "train.trl.jsonl")
    assert [one["prompt"] + one["completion"] for one in trl] == [first["messages"], second["messages"]]


def test_the_dspy_program_runs_against_a_server_by_itself(exported):
    out, _ = exported
    server = StandIn(lambda body: "green")
    asked = "import sys; sys.path.insert(0, sys.argv[1]); from program import load; "
    asked += "print(load(sys.argv[2])(messages=[{'role': 'system', 'content': 'Be.'}, {'role': 'user', 'content': 'moss'}]).completion)"
    try:
        done = subprocess.run(
            [sys.executable, "-c", asked, str(out / "dspy"), server.url], capture_output=True, text=True, check=True,
            cwd=out, timeout=120,
        )  # fmt: skip
    finally:
        server.close()
    assert done.stdout.strip().endswith("{'role': 'assistant', 'content': 'green'}")
    (body,) = server.bodies
    assert body["messages"] == [HEAD, *DEMO, {"role": "user", "content": "moss"}]


def test_a_modelfile_has_the_students_own_instructions_and_examples():
    text = modelfile("student.gguf", Program(head=(HEAD,), demos=DEMO))
    assert text.startswith("FROM ./student.gguf\n")
    assert 'SYSTEM """Name the colour."""' in text
    assert 'MESSAGE user """sky"""\nMESSAGE assistant """blue"""' in text
    assert "SYSTEM" not in modelfile("student.gguf", Program(head=()))


def test_a_folder_that_holds_something_is_left_as_it_is(exported, tmp_path):
    out, files = exported
    student = Student(
        student_id="s", task_id="t", task_version=1, recipe="classifier", base="b", trainset_id="x", created=1.0,
        engine=Engine.CLASSIFIER,
    )  # fmt: skip
    with pytest.raises(FileExistsError):
        export_student(student, tmp_path / "weights", [tmp_path / "trainset"], out)
    assert len([path for path in out.rglob("*") if path.is_file()]) == len(files)
