"""A data folder with everything in it that an erasure has to find, made by the real parts."""

import json
import shutil
import time
from contextlib import closing
from dataclasses import dataclass, field, replace
from pathlib import Path

from msgspec import structs

from distiller.scoring.about import HEADER
from distiller.trainset import Row, freeze, split
from gateway.capture import read_answer
from stillhouse.erasure import Scene, phases
from stillhouse.erasure import ticket as tickets
from stillhouse.erasure.ticket import Ticket
from store.artifacts import Artifacts
from store.control import Control, Copy, Erasure
from store.ids import new_id
from store.ingester import Ingester
from store.journal import rejected
from store.journal.writer import SegmentWriter
from store.log import Log
from store.paths import DataFolder
from store.vocabulary import (
    Attempt,
    Call,
    Evaluation,
    Feedback,
    Job,
    JobKind,
    JobState,
    Origin,
    Outcome,
    Role,
    Student,
    Task,
    Trainset,
    Verdict,
    Who,
)

SUBJECT, OTHER = "anna.subject-7731@example.org", "bob.other-1177@example.org"
MARK = 'Zébrafink "4711" planted'  # needs both kinds of escapes


def bytes_with(root, *texts):
    """Look for texts in every file, without any of the product's own code."""
    wanted = [
        form.encode() for text in texts for form in (text, json.dumps(text)[1:-1], text.replace('"', '\\"'))
    ]
    files = {str(p.relative_to(root)): p.read_bytes() for p in root.rglob("*") if p.is_file()}
    return sorted(name for name, data in files.items() if any(form in data for form in wanted))


def row(call_id, number, user, before=()):
    """A trainset's row; the text of the subject's rows has the mark."""
    text = f"{number}: {MARK if user == SUBJECT else 'plain'}"
    request = {"model": "m", "user": user, "messages": [{"role": "user", "content": text}]}
    return Row(
        call_id=call_id,
        seq=number,
        unit=f"unit {number}",
        user=user,
        input_hash=f"input {number}",
        request=request,
        completion={"role": "assistant", "content": text},
        passed=True,
        score=None,
        before=before,
    )


@dataclass
class Planted:
    """What was put into a data folder, and where."""

    folder: DataFolder
    trainset_id: str = ""
    elsewhere: Path = Path()
    calls: dict[str, list[str]] = field(default_factory=lambda: {SUBJECT: [], OTHER: []})


def plant_artifacts(folder, control, epoch, calls):
    """Publish a trainset, a student, a job, an evaluation and files of every kind that name the subject."""
    planted = Planted(folder=folder, calls=calls, elsewhere=folder.root.parent / "elsewhere.jsonl")
    users = [(call, user) for user, ids in calls.items() for call in ids]
    rows = [row(call, number, user) for number, (call, user) in enumerate(sorted(users))]
    frozen = freeze(split(rows, heldout=4), folder.jobs / "draft", {"task_id": "t"})
    artifacts = Artifacts(folder.artifacts)
    artifacts.publish("trainsets", frozen.trainset_id, folder.jobs / "draft")
    planted.trainset_id = frozen.trainset_id
    outputs = "".join(
        json.dumps({"call_id": r.call_id, "text": r.completion["content"]}, ensure_ascii=False) + "\n"
        for r in rows
    )
    job = folder.jobs / "job-1" / "finetune"
    (job / "out").mkdir(parents=True)
    (job / "out" / "heldout_outputs.jsonl").write_text(outputs)
    (job / "log.txt").write_text(f"began\nnot a row: {MARK}\nended\n")
    (job / "cache").mkdir()
    (job / "cache" / "entry").write_text(MARK)
    student = folder.jobs / "student"
    student.mkdir()
    (student / "heldout_outputs.jsonl").write_text(outputs)
    (student / "student.gguf").write_bytes(b"weights" * 1000)
    artifacts.publish("students", "student-1", student)
    _tell(control, epoch, frozen, calls[SUBJECT][0])
    (folder.cache / "dspy").mkdir(parents=True)
    (folder.cache / "dspy" / "entry").write_text(MARK)
    for user, text in ((SUBJECT, MARK), (OTHER, "plain")):
        rejected.set_aside(folder.journal, "w9-0-1-00000001.seg", f"frame of {user}: {text}".encode())
    inside = folder.root / "exports" / "calls.jsonl"
    inside.parent.mkdir()
    for path in (inside, planted.elsewhere):
        path.write_text(MARK)
        control.add_copy(Copy(copy_id=new_id(), kind="export", path=str(path), made=time.time()))
    control.add_copy(Copy(copy_id=new_id(), kind="backup", path="/backups/monday", made=time.time()))
    return planted


def _tell(control, epoch, frozen, call_id):
    if control.task("t") is None:
        control.save_task(Task(task_id="t", name="t"), epoch)
    given = {"task_id": "t", "task_version": 1, "created": 1.0}
    control.save_trainset(
        Trainset(
            trainset_id=frozen.trainset_id,
            train=frozen.train,
            heldout=frozen.heldout,
            path=f"trainsets/{frozen.trainset_id}",
            card=frozen.card,
            **given,
        ),
        epoch,
    )
    control.save_student(
        Student(student_id="student-1", recipe="finetune", base="b", trainset_id=frozen.trainset_id, **given),
        epoch,
    )
    control.add_job(
        Job(job_id="job-1", kind=JobKind.DISTILL, task_id="t", due=1.0, state=JobState.DONE, created=1.0),
        epoch,
    )
    worse = [{"call_id": call_id, "student": MARK, "reference": MARK, "score": 0.0}]
    control.save_evaluation(
        Evaluation(
            evaluation_id="v1", student_id="student-1", task_id="t", created=1.0, n=1, student_mean=0.5,
            teacher_mean=1.0, delta_mean=-0.5, delta_lower=-0.6, verdict=Verdict.FAIL, why="", detail={"worse": worse},
        ),
        epoch,
    )  # fmt: skip


def fill(root, calls=30):
    """Make a data folder that no process has: two users' calls, and what was made from them."""
    folder = DataFolder(root).create()
    folder.salt()
    ids = {SUBJECT: [], OTHER: []}
    with closing(Log.open(folder.log)) as log, closing(Control.open(folder.control)) as control:
        for number in range(calls):
            ids[SUBJECT if number % 3 == 0 else OTHER].append(number)
        for user, numbers in ids.items():
            ids[user] = load(folder, log, user, numbers)
        return plant_artifacts(folder, control, control.take_epoch("test"), ids)


def copied(original, tmp_path):
    """Give a copy of a filled data folder, whose files are where its control state says."""
    shutil.copytree(original.folder.root, tmp_path / "data")
    folder = DataFolder(tmp_path / "data")
    with closing(Control.open(folder.control)) as control:
        for copy in control.copies():
            moved = copy.path.replace(str(original.folder.root.parent), str(tmp_path))
            control.add_copy(replace(copy, copy_id=f"{copy.copy_id}-moved", path=moved))
            if moved != copy.path:
                control.drop_copy(copy.copy_id)
    (tmp_path / "elsewhere.jsonl").write_text(MARK)
    return Planted(
        folder=folder,
        trainset_id=original.trainset_id,
        elsewhere=tmp_path / "elsewhere.jsonl",
        calls=original.calls,
    )


def load(folder, log, user, numbers, tenant=""):
    """Let a user make calls, by way of the journal; return their ids."""
    records = [_records(number, user, tenant) for number in numbers]
    _load(folder, log, [record for call in records for record in call])
    return [call.call_id for call, *_ in records]


def _load(folder, log, records):
    writer = SegmentWriter(folder.journal, "w0")
    assert all(writer.append(record) for record in records)
    writer.close()
    ingester = Ingester(log, folder.journal, read_answer, lambda _model, _usage: None)
    while ingester.step():
        pass
    ingester.close()


def load_internal(folder, log, about, text):
    """Let the house ask something about calls, as its loopback journals it; return the id of that call."""
    call, attempt, _ = _records(0, OTHER, "judge")
    body = {"model": "judge-1", "messages": [{"role": "user", "content": text}]}
    call = structs.replace(
        call, origin=Origin.INTERNAL, fingerprint="", user=None, conversation=None, unit="",
        headers={HEADER: ",".join(about)}, body=json.dumps(body).encode(),
    )  # fmt: skip
    _load(folder, log, [call, attempt])
    return call.call_id


def plant_trainset(folder, control, task, ids, user, *, before=None):
    """Publish a trainset of a task with rows of a user, which go on from the calls `before` names; return its id."""
    rows = [row(call_id, number, user, (before or {}).get(call_id, ())) for number, call_id in enumerate(ids)]
    draft = folder.jobs / "another draft"
    frozen = freeze(split(rows, heldout=1), draft, {"task_id": task.task_id})
    Artifacts(folder.artifacts).publish("trainsets", frozen.trainset_id, draft)
    epoch = control.take_epoch("test")
    control.save_task(task, epoch)
    control.save_trainset(
        Trainset(
            trainset_id=frozen.trainset_id, task_id=task.task_id, task_version=1, created=1.0, train=frozen.train,
            heldout=frozen.heldout, path=f"trainsets/{frozen.trainset_id}", card=frozen.card,
        ),
        epoch,
    )  # fmt: skip
    return frozen.trainset_id


def _records(number, user, tenant):
    text = f"{number}: {MARK if user == SUBJECT else 'plain'}"
    body = {"model": "m", "user": user, "messages": [{"role": "user", "content": text}]}
    call = Call(
        call_id=new_id(), ts=time.time(), fingerprint="f" * 32, fp_version=1, model="m", unit=f"unit {number}",
        user=user, tenant=tenant, conversation=f"conversation {number % 6}", body=json.dumps(body).encode(),
    )  # fmt: skip
    message = {"role": "assistant", "content": f"you said {text}"}
    completion = {
        "id": f"completion-{number}",
        "choices": [{"message": message, "finish_reason": "stop", "index": 0}],
    }
    attempt = Attempt(
        attempt_id=new_id(), call_id=call.call_id, ts=call.ts + 1, role=Role.SERVE, who=Who.TEACHER, served=True,
        model="m", upstream="u", outcome=Outcome.COMPLETE, status=200, started=call.ts,
        content_type="application/json", body=json.dumps(completion, ensure_ascii=False).encode(),
    )  # fmt: skip
    said = Feedback(
        feedback_id=new_id(), ts=call.ts + 2, target=f"completion-{number}", comment=f"of {text}", tenant=tenant
    )  # fmt: skip
    return call, attempt, said


def ask(planted, kind="user", value=SUBJECT, also=(MARK,), **fields):
    """Write an erasure down, as a house would, past its drain."""
    folder = planted.folder
    ticket = Ticket(erasure_id=new_id(), kind=kind, value=value, also=also, **fields)
    erasure = Erasure(
        erasure_id=ticket.erasure_id,
        asked=time.time(),
        kind=kind,
        subject=tickets.hashed(folder, kind, value),
        phase=phases.LOG,
    )
    with closing(Control.open(folder.control)) as control:
        tickets.save(folder, ticket)
        control.add_erasure(erasure, control.take_epoch("test"))
    return erasure


def carry_out(folder, erasure_id):
    """Take an erasure to its end from wherever it is; return it."""
    with closing(Log.open(folder.log)) as log, closing(Control.open(folder.control)) as control:
        scene = Scene(
            folder=folder, log=log, control=control, epoch=control.take_epoch("test"), now=time.time
        )
        return phases.carry_out(scene, control.erasure(erasure_id), tickets.load(folder, erasure_id))
