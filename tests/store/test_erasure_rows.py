"""What the control state keeps of erasures and copies, and that what it gives up leaves the file."""

import stat
from dataclasses import replace

import pytest

from store.artifacts import Artifacts
from store.control import Control, Copy, Erasure
from store.errors import Conflict, NotFound, StaleEpoch
from store.vocabulary import Evaluation, Trainset, Verdict

MARK = "marker-that-must-go"


@pytest.fixture
def control(tmp_path):
    state = Control.open(tmp_path / "control.sqlite")
    yield state
    state.close()


def erasure(number, **fields):
    given = {"asked": float(number), "kind": "user", "subject": "f" * 64, "phase": "drain"}
    return Erasure(erasure_id=f"e{number}", **{**given, **fields})


def test_erasures_are_kept_in_order_and_fenced(control):
    epoch = control.take_epoch("me")
    control.add_erasure(erasure(2), epoch)
    control.add_erasure(erasure(1), epoch)
    ended = erasure(1, phase="done", finished=9.0, report={"log": {"calls": 3}})
    control.save_erasure(ended, epoch)
    assert [e.erasure_id for e in control.erasures()] == ["e1", "e2"]
    assert [e.erasure_id for e in control.erasures(pending=True)] == ["e2"]
    assert control.erasure("e1") == ended
    assert control.erasure("e3") is None
    with pytest.raises(Conflict):
        control.add_erasure(erasure(1), epoch)
    with pytest.raises(NotFound):
        control.save_erasure(erasure(3), epoch)
    control.take_epoch("another")
    with pytest.raises(StaleEpoch):
        control.save_erasure(erasure(2, phase="log"), epoch)


def test_a_copy_at_the_same_place_takes_the_others_row(control):
    for number in (1, 2):
        control.add_copy(Copy(copy_id=f"c{number}", kind="export", path="/x.jsonl", made=float(number)))
    control.add_copy(Copy(copy_id="c3", kind="backup", path="/b", made=3.0))
    assert [copy.copy_id for copy in control.copies()] == ["c2", "c3"]
    control.drop_copy("c2")
    assert [copy.copy_id for copy in control.copies()] == ["c3"]


def test_erased_calls_leave_observations_and_the_examples_of_evaluations(control):
    epoch = control.take_epoch("me")
    worse = [{"call_id": call, "student": text} for call, text in (("c1", MARK), ("c2", "kept"))]
    evaluation = Evaluation(
        evaluation_id="v1", student_id="s1", task_id="t", created=1.0, n=2, student_mean=0.5, teacher_mean=1.0,
        delta_mean=-0.5, delta_lower=-0.6, verdict=Verdict.FAIL, why="worse", detail={"rows": 2, "worse": worse},
    )  # fmt: skip
    control.save_evaluation(evaluation, epoch)
    assert control.forget_calls(["c1"], epoch) == 1
    assert control.evaluations("s1")[0].detail == {"rows": 2, "worse": worse[1:]}
    assert control.forget_calls(["c1"], epoch) == 0


def everything(folder):
    return b"".join(path.read_bytes() for path in folder.iterdir() if path.is_file())


def test_what_was_given_up_is_in_no_file_of_the_state(tmp_path, control):
    epoch = control.take_epoch("me")
    card = {"common_users": [f"{MARK}-{number}" for number in range(500)]}
    trainset = Trainset(
        trainset_id="x", task_id="t", task_version=1, created=1.0, train=1, heldout=1, path="p", card=card
    )
    control.save_trainset(trainset, epoch)
    assert MARK.encode() in everything(tmp_path)
    reader = Control.open(tmp_path / "control.sqlite")
    assert reader.trainsets("t") == [trainset]
    control.save_trainset(replace(trainset, card={}), epoch)
    assert control.purge()
    assert MARK.encode() not in everything(tmp_path)
    assert reader.trainsets("t")[0].card == {}
    assert reader.data_version()
    reader.close()


def test_a_reader_that_stays_is_told_of_and_does_not_hang_the_purge(tmp_path, control):
    epoch = control.take_epoch("me")
    trainset = Trainset(
        trainset_id="x", task_id="t", task_version=1, created=1.0, train=1, heldout=1, path=MARK
    )
    control.save_trainset(trainset, epoch)
    with control.reading() as connection:
        connection.exec_driver_sql("SELECT * FROM trainsets").fetchall()
        control.save_trainset(replace(trainset, path=""), epoch)
        assert not control.purge(patience_s=0.2)
    assert control.purge()
    assert MARK.encode() not in everything(tmp_path)


def test_a_copy_of_the_state_is_whole_and_private(tmp_path, control):
    epoch = control.take_epoch("me")
    control.add_erasure(erasure(1), epoch)
    control.copy_to(tmp_path / "copy.sqlite")
    assert stat.S_IMODE((tmp_path / "copy.sqlite").stat().st_mode) == 0o600
    copied = Control.open(tmp_path / "copy.sqlite")
    assert copied.erasures() == control.erasures()
    copied.close()


def test_a_published_artifact_is_rewritten_and_read_only_again(tmp_path):
    artifacts = Artifacts(tmp_path / "artifacts")
    filled = tmp_path / "filled"
    filled.mkdir()
    (filled / "a.jsonl").write_text(MARK)
    (filled / "b.jsonl").write_text("b")
    place = artifacts.publish("trainsets", "x", filled)
    place.chmod(0o700)
    (place / ".a.jsonl.tmp").write_text("left by one that was killed")
    artifacts.rewrite("trainsets", "x", {"a.jsonl": b"rest"})
    assert {path.name: path.read_text() for path in place.iterdir()} == {"a.jsonl": "rest", "b.jsonl": "b"}
    assert stat.S_IMODE(place.stat().st_mode) == 0o500
    assert stat.S_IMODE((place / "a.jsonl").stat().st_mode) == 0o400


def test_drafts_that_were_never_published_are_swept(tmp_path):
    artifacts = Artifacts(tmp_path)
    draft = tmp_path / "trainsets" / ".x.1" / "inner"
    draft.mkdir(parents=True)
    (draft / "file").write_text("text")
    draft.chmod(0o500)
    artifacts.sweep("trainsets")
    artifacts.sweep("students")
    assert not list((tmp_path / "trainsets").iterdir())
