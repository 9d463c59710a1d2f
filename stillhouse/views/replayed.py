"""The decisions of rollouts made again from their rows, and what comes out differently. Knows no rule."""

from __future__ import annotations

from typing import Any

from router.replay import differences
from stillhouse.errors import Missing
from stillhouse.views.stores import Stores


def replayed(stores: Stores, task_id: str | None = None) -> dict[str, Any]:
    """Give each rollout with the number of its decisions and what differs, oldest first. Raises Missing."""
    control = stores.control
    if task_id is not None and control.task(task_id) is None:
        raise Missing(f"There is no task {task_id!r}.")
    rows: list[dict[str, Any]] = []
    for rollout in control.rollouts(task_id):
        transitions = control.transitions(rollout_id=rollout.rollout_id)
        observations = control.observations(rollout.rollout_id)
        rows.append(
            {
                "rollout_id": rollout.rollout_id,
                "task_id": rollout.task_id,
                "student_id": rollout.student_id,
                "state": rollout.state.value,
                "decisions": len(transitions),
                "observations": len(observations),
                "differences": differences(rollout, transitions, observations),
            }
        )
    return {
        "rollouts": rows,
        "decisions": sum(row["decisions"] for row in rows),
        "observations": sum(row["observations"] for row in rows),
        "differences": sum(len(row["differences"]) for row in rows),
    }
