"""A killed job goes on as if nothing had happened; a stopped one leaves in good order."""

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
from safetensors.numpy import load_file
from tiny_student import Child, Finished, make_row, write_trainset

from distiller.training.lifeline import EXIT_STOPPED
from distiller.training.spec import TrainSpec
from distiller.training.validation import FROM

Start = Callable[[Path], Child]
MakeSpec = Callable[..., TrainSpec]


def weights(job: Path) -> dict[str, np.ndarray]:
    return load_file(job / "out" / "adapter" / "adapter_model.safetensors")


def test_killed_then_stopped_then_finished_equals_uninterrupted(
    tmp_path: Path, child: Start, spec_for: MakeSpec, finished: Finished
) -> None:
    spec_for(tmp_path)
    first = child(tmp_path)
    for event in first:
        if event["event"] == "checkpoint":
            break
    first.process.kill()
    first.process.wait()

    second = child(tmp_path)
    for event in second:
        if event.get("phase") == "train" and event["step"] >= 12:
            break
    second.close_stdin()
    assert second.finish() == EXIT_STOPPED
    resumed = next(e["step"] for e in second.events if e.get("phase") == "train")
    assert resumed > 1, "it went on from the checkpoint of the killed run"
    assert "rerun" in second.events[-1]["message"]
    assert not (tmp_path / "result.json").exists()

    third = child(tmp_path)
    assert third.finish() == 0
    result = json.loads((tmp_path / "result.json").read_text())
    assert result["resumed_at"] >= 12
    assert result["steps"] == finished.result["steps"]
    assert result["tokens"] == finished.result["tokens"]
    alone, mended = weights(finished.job), weights(tmp_path)
    assert alone.keys() == mended.keys()
    for name, value in alone.items():
        np.testing.assert_allclose(mended[name], value, rtol=1e-4, atol=1e-6, err_msg=name)


def contrary(tmp_path: Path) -> Path:
    """A trainset whose answers nothing decides: what is learnt of the rows makes others only worse."""
    rows = [make_row(i) for i in range(FROM)]
    for i, row in enumerate(rows):
        row["request"]["messages"][1]["content"] += f" {i * 7919 % 997}"
        row["completion"]["content"] = "yes" if i * 2654435761 >> 7 & 1 else "no"
    return write_trainset(tmp_path / "contrary", rows, [make_row(1)])


def test_training_stops_where_checks_get_no_better_and_keeps_the_best_through_a_kill(
    tmp_path: Path, child: Start, spec_for: MakeSpec
) -> None:
    trainset = contrary(tmp_path)
    jobs = tmp_path / "whole", tmp_path / "killed"
    for job in jobs:
        spec_for(job, trainset=trainset, epochs=40.0, lr=2e-2, patience=2)
    whole = child(jobs[0])
    assert whole.finish() == 0, (jobs[0] / "log.txt").read_text()[-3000:]
    result = json.loads((jobs[0] / "result.json").read_text())
    checks = {e["step"]: e["validation_loss"] for e in whole.events if "validation_loss" in e}
    assert result["validation_rows"] == FROM // 10
    assert result["trained_rows"] == FROM - FROM // 10
    assert result["steps"] < result["of"], "stopped early"
    assert result["best_step"] == min(checks, key=checks.__getitem__)
    assert [s for s in checks if s > result["best_step"]] == [*checks][-2:], "after two checks in vain"

    first = child(jobs[1])
    for event in first:
        if event["event"] == "checkpoint" and event["step"] > result["best_step"]:
            break
    first.process.kill()
    first.process.wait()
    second = child(jobs[1])
    assert second.finish() == 0
    mended = json.loads((jobs[1] / "result.json").read_text())
    assert mended["resumed_at"] > result["best_step"]
    assert [mended[k] for k in ("steps", "best_step", "tokens")] == [
        result[k] for k in ("steps", "best_step", "tokens")
    ]
    alone, again = weights(jobs[0]), weights(jobs[1])
    for name, value in alone.items():
        np.testing.assert_allclose(again[name], value, rtol=1e-4, atol=1e-6, err_msg=name)


def test_sigterm_stops_it_too(tmp_path: Path, child: Start, spec_for: MakeSpec) -> None:
    spec_for(tmp_path, epochs=200.0)
    one = child(tmp_path)
    for event in one:
        if event.get("phase") == "train":
            break
    one.process.terminate()
    assert one.finish() == EXIT_STOPPED
    assert (tmp_path / "checkpoint.pt").is_file()


def test_no_passing_row_is_one_clear_sentence(
    tmp_path: Path, child: Start, spec_for: MakeSpec, trainset: Path
) -> None:
    rows = [
        json.loads(line) | {"passed": False} for line in (trainset / "train.jsonl").read_text().splitlines()
    ]
    spec_for(tmp_path, trainset=write_trainset(tmp_path / "set", rows, []))
    one = child(tmp_path)
    assert one.finish() == 1
    assert one.events == [
        {
            "event": "error",
            "message": "0 passing rows to train on, 20 are needed (96 rows, 0 more were not for this student)",
        }
    ]


def test_a_job_without_a_spec_is_one_clear_sentence(tmp_path: Path, child: Start) -> None:
    one = child(tmp_path)
    assert one.finish() == 1
    assert one.events[0]["message"].startswith(f"cannot read {tmp_path / 'spec.json'}")
