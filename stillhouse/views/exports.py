"""What is exported, calls or a student, and where to: the same with control running and without. Knows no format."""

from __future__ import annotations

import time
from pathlib import Path

from distiller.exporting import export_student as write_student
from stillhouse.errors import Missing, Refused, StillhouseError
from stillhouse.views import calls
from stillhouse.views.stores import Stores
from store.artifacts import Artifacts
from store.control import Copy
from store.ids import new_id


def export(stores: Stores, path: Path, task: str | None, to: Path | None) -> int:
    """Write calls into `path`, which the caller keeps at `to`; gives how many. Raises Missing, Refused, OSError.

    Where to is written down: an erasure has to say so.
    """
    if to is not None and stores.folder.owns(to):
        raise Refused(f"{to} is one of Stillhouse's own; name another file.")
    fingerprints = calls.fingerprints_of(stores, task) if task else ()
    if task and not fingerprints:
        raise Missing(f"The task {task!r} has no call yet.")
    if to is not None:
        stores.control.add_copy(Copy(copy_id=new_id(), kind="export", path=str(to), made=time.time()))
    return stores.log.export(path, fingerprints, calls.found_tasks(stores))


def export_student(stores: Stores, student_id: str, folder: Path) -> dict[str, object]:
    """Write a student and the rows that it learnt into a new folder; gives what was written.

    Raises Missing, Refused for a folder of ours or one that holds anything, StillhouseError where it cannot be written.
    """
    student = stores.control.student(student_id)
    if student is None or student.weights is None:
        raise Missing(f"There is no student {student_id!r} with weights.")
    if stores.folder.owns(folder):
        raise Refused(f"{folder} is one of Stillhouse's own; name another folder.")
    if folder.is_dir() and any(folder.iterdir()):  # before it is noted: what lies there is of another time
        raise Refused(f"{folder} is not empty; name a new folder.")
    artifacts = Artifacts(stores.folder.artifacts)
    stores.control.add_copy(Copy(copy_id=new_id(), kind="export", path=str(folder), made=time.time()))
    try:
        files = write_student(
            student,
            stores.folder.artifacts / student.weights,
            [artifacts.folder("trainsets", trainset_id) for trainset_id in student.trainsets],
            folder,
        )
    except FileExistsError as error:
        raise Refused(f"{error}; name a new folder.") from error
    except OSError as error:
        raise StillhouseError(f"{folder} cannot be written: {error.strerror}.") from error
    return {"student_id": student_id, "path": str(folder), "files": files}
