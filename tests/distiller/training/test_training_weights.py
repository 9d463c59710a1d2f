"""The real base model: prepared from its package, fine-tuned for a few steps, served."""

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import httpx
import pytest
from tiny_student import ROOT, Child, make_row, write_trainset

from distiller.training.base import packaged_gguf
from distiller.training.errors import BaseUnavailable
from distiller.training.spec import DEFAULT_BASE, TrainSpec

ROWS = 160


@pytest.mark.weights
def test_smollm2_learns_and_is_served(tmp_path: Path, child: Callable[[Path], Child]) -> None:
    try:
        packaged_gguf()
    except BaseUnavailable as error:
        pytest.skip(str(error))
    trainset = write_trainset(
        tmp_path / "set", [make_row(i) for i in range(ROWS)], [make_row(i) for i in range(ROWS, ROWS + 20)]
    )
    job = tmp_path / "job"
    spec = TrainSpec(
        trainset=trainset, base=tmp_path / "base", base_name=DEFAULT_BASE, out=job / "out", epochs=1.0,
        max_new_tokens=8, device="cpu",
    )  # fmt: skip
    spec.save(job)
    one = child(job)
    assert one.finish() == 0, (job / "log.txt").read_text()[-3000:]
    losses = [e["loss"] for e in one.events if e.get("phase") == "train"]
    assert losses[-1] < losses[0] / 3
    lines = (job / "out" / "heldout_outputs.jsonl").read_text().splitlines()
    trained = {line["call_id"]: line["text"] for line in map(json.loads, lines)}
    process = subprocess.Popen(
        [sys.executable, "-m", "distiller.serving.process", "--weights", str(job / "out" / "student.gguf"),
         "--port", "0", "--context", "512"],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True, cwd=ROOT,
    )  # fmt: skip
    with process, httpx.Client(timeout=60) as client:
        assert process.stdout is not None
        url = json.loads(process.stdout.readline())["url"]
        same = 0
        for i in range(ROWS, ROWS + 20):
            row = make_row(i)
            answer = client.post(f"{url}/v1/chat/completions", json={**row["request"], "max_tokens": 8})
            same += answer.json()["choices"][0]["message"]["content"] == trained[row["call_id"]]
        process.terminate()
    assert same >= 19
