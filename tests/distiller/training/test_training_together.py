"""One training over the rows of two tasks, each with its own prompt, by the real child on a tiny model."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

from tiny_student import Child, make_row, write_trainset

from distiller.training.spec import TrainSpec


def upside_down(i: int) -> dict[str, Any]:
    """The same question under other instructions, with the other answer."""
    row = make_row(i)
    answer = {"role": "assistant", "content": "no" if i % 2 else "yes"}
    head = {"role": "system", "content": "cold or warm"}
    request = {**row["request"], "messages": [head, row["request"]["messages"][1]]}
    return {**row, "call_id": f"d{i}", "unit": f"v{i}", "request": request, "completion": answer}


def test_a_student_learns_two_tasks_and_nothing_that_either_has_held_out(
    tmp_path: Path, spec_for: Callable[..., TrainSpec], child: Callable[[Path], Child]
) -> None:
    words = [
        f"{left} {right}" for left in ("stone", "river", "cloud", "field") for right in map(str, range(40))
    ]

    def said(row: dict[str, Any], i: int) -> dict[str, Any]:
        row["request"]["messages"][1]["content"] = words[i]
        return row

    one = write_trainset(
        tmp_path / "one",
        [said(make_row(i), i) for i in range(60)],
        [said(make_row(i), i) for i in range(60, 80)],
    )
    two = write_trainset(
        tmp_path / "two",
        [said(upside_down(i), i) for i in range(62, 120)],
        [said(upside_down(i), i) for i in range(120, 140)],
    )
    for folder in (one, two):
        (folder / "card.json").write_text(json.dumps({"near_alike": 1.0, "common_users": []}))
    job = tmp_path / "job"
    spec = spec_for(job, trainset=one, beside=(two,), epochs=1.0)
    assert TrainSpec.load(job) == spec
    assert child(job).finish() == 0, (job / "log.txt").read_text()[-3000:]
    result = json.loads((job / "result.json").read_text())
    assert (result["rows"], result["shared_rows"]) == (60 + 58 - 18, 18)
    assert result["trained_rows"] == result["rows"]
    lines = (job / "out" / "heldout_outputs.jsonl").read_text().splitlines()
    held = {f"c{i}" for i in range(60, 80)} | {f"d{i}" for i in range(120, 140)}
    assert {json.loads(line)["call_id"] for line in lines} == held
