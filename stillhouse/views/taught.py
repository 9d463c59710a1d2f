"""What a call has taught: the trainsets that have it, and the students made of them. Decides nothing."""

from __future__ import annotations

from typing import Any

from distiller.trainset.lineage import part_with
from stillhouse.views.stores import Stores
from store.artifacts import Artifacts


def taught(stores: Stores, call_id: str, asked: float) -> list[dict[str, Any]]:
    """Give each trainset, oldest first, that has the call: `part` (train or heldout), and the students that saw it."""
    control, artifacts = stores.control, Artifacts(stores.folder.artifacts)
    trainsets = [trainset for task in control.tasks() for trainset in control.trainsets(task.task_id)]
    students = control.students()
    found = []
    for trainset in sorted(trainsets, key=lambda trainset: trainset.created):
        if trainset.created < asked:
            continue
        part = part_with(artifacts.folder("trainsets", trainset.trainset_id), call_id)
        if part is not None:
            saw = (
                None if part == "train" else 1
            )  # held-out rows are shown to the students of their own task alone
            made = [s.student_id for s in students if trainset.trainset_id in s.trainsets[:saw]]
            found.append({"trainset_id": trainset.trainset_id, "part": part, "students": made})
    return found
