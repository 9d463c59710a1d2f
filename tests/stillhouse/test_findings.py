"""What is found and shown: the doctor's findings, the teacher's score, what a mode means for whom."""

from __future__ import annotations

from stillhouse.settings import convert, load
from store.vocabulary import TaskMode


def test_a_mode_for_all_tasks_is_not_a_tasks_own(tmp_path):
    file = tmp_path / "stillhouse.yaml"
    file.write_text("policy: {mode: auto}\ntasks:\n  a: {delta: 0.1}\n  b: {mode: auto}\n")
    policies = convert.task_policies(load(file, {}))
    modes = {task: policies.mode(task, closed=False) for task in ("a", "b", "c")}
    assert modes == {"a": TaskMode.APPROVE, "b": TaskMode.AUTO, "c": TaskMode.APPROVE}
    assert {policies.mode(task, closed=True) for task in ("a", "b", "c")} == {TaskMode.AUTO}
