"""The training child with a task's own parameters: a live teacher, and what DSPy tells the trainer."""

import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from standin import StandIn
from tiny_student import Child

from distiller.programs.teaching import Teaching
from distiller.scoring.spec import MetricSpec
from distiller.settings import FinetuneSettings
from distiller.training.spec import TrainSpec


def test_the_child_learns_what_its_teacher_says_as_often_as_dspy_was_told(
    tmp_path: Path,
    spec_for: Callable[..., TrainSpec],
    child: Callable[[Path], Child],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def answer(body: dict[str, Any]) -> str:
        return "yes" if len(body["messages"][-1]["content"]) % 2 else "no"

    teacher = StandIn(answer)
    monkeypatch.setitem(os.environ, "STILLHOUSE_JOB_TOKEN", "shi-budgeted")
    own = FinetuneSettings(teacher="big", num_threads=4, train_kwargs={"epochs": 1})
    job = tmp_path / "job"
    spec = spec_for(
        job,
        teaching=Teaching(finetune=own, metric=MetricSpec(name="label"), base_url=teacher.url),
    )
    try:
        one = child(job)
        assert one.finish() == 0, (job / "log.txt").read_text()[-3000:]
    finally:
        teacher.close()
    trainset = spec.trainset / "train.jsonl"
    result = json.loads((job / "result.json").read_text())
    rows = [json.loads(line) for line in trainset.read_text().splitlines()]
    agreed = [row for row in rows if row["passed"] and answer(row["request"]) == row["completion"]["content"]]
    assert 0 < len(agreed) < sum(row["passed"] for row in rows)
    assert result["trained_rows"] == len(agreed)
    asked = {json.dumps(body["messages"]) for body in teacher.bodies}
    assert asked == {json.dumps(row["request"]["messages"]) for row in rows if row["passed"]}
    assert {headers["authorization"] for headers in teacher.headers} == {"Bearer shi-budgeted"}
    assert result["epochs"] == 1, "the spec says 6, DSPy was told 1"
    assert "shi-budgeted" not in "".join(p.read_text("utf-8", "replace") for p in job.rglob("*.json*"))
