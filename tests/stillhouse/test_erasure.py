"""The phases of an erasure on a data folder that no process has; also killed before each of their writes."""

import json
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import pytest
from erasurekit import (
    MARK,
    OTHER,
    SUBJECT,
    ask,
    bytes_with,
    carry_out,
    copied,
    fill,
    load,
    plant_trainset,
)

from distiller.trainset import read_rows, verify
from distiller.trainset.redact import pseudonym
from stillhouse.erasure import ticket as tickets
from store.control import Control, Copy
from store.ids import new_id
from store.log import Log, Subject
from store.vocabulary import Task

CHILD = Path(__file__).parent / "erase_child.py"


@pytest.fixture(scope="module")
def original(tmp_path_factory):
    """A filled data folder; each test works on a copy."""
    return fill(tmp_path_factory.mktemp("original") / "data")


@pytest.fixture
def planted(original, tmp_path):
    return copied(original, tmp_path)


def rows_of(planted, user):
    """Give everything that is kept of a user's calls, as the log and the trainset have it."""
    trainset = planted.folder.artifacts / "trainsets" / planted.trainset_id
    rows = [
        line
        for name in ("train", "heldout")
        for line in (trainset / f"{name}.jsonl").read_bytes().splitlines()
    ]
    with closing(Log.open(planted.folder.log)) as log:
        details = [log.call(call) for call in planted.calls[user]]
        ids = log.subject(Subject(kind="user", value=user))
    return details, ids, [line for line in rows if json.loads(line)["user"] == user]


def test_everything_of_a_subject_goes_and_nothing_of_another(planted):
    folder = planted.folder
    before = rows_of(planted, OTHER)
    planted_in = bytes_with(folder.root, SUBJECT, MARK)
    assert len(planted_in) >= 8, planted_in
    ended = carry_out(folder, ask(planted).erasure_id)
    assert ended.phase == "done", ended.report
    assert bytes_with(folder.root, SUBJECT, MARK) == []
    assert rows_of(planted, OTHER) == before
    details, ids, rows = rows_of(planted, SUBJECT)
    assert (details, ids, rows) == ([None] * 10, [], [])
    verify(folder.artifacts / "trainsets" / planted.trainset_id)
    assert "ended" in (folder.jobs / "job-1" / "finetune" / "log.txt").read_text()
    assert len(list((folder.journal / "rejected").iterdir())) == 1


def test_the_report_says_what_was_taken_and_what_was_not(planted):
    folder = planted.folder
    report = carry_out(folder, ask(planted).erasure_id).report
    counts = {name: report["log"][name] for name in ("calls", "attempts", "feedback")}
    assert counts == {"calls": 10, "attempts": 10, "feedback": 10}
    taken = report["artifacts"]["trainsets"][planted.trainset_id]
    assert taken["train"] + taken["heldout"] == 10 - report_straddling(planted)
    assert report["artifacts"]["students_trained"] == ["student-1"]
    assert report["artifacts"]["retrained"] == ["t"]
    copies = report["copies"]
    assert copies["exports_deleted"] == [str(folder.root / "exports" / "calls.jsonl")]
    assert [(copy["path"], copy["there"]) for copy in copies["exports"]] == [(str(planted.elsewhere), True)]
    assert [(copy["path"], copy["there"]) for copy in copies["backups"]] == [("/backups/monday", False)]
    assert copies["rejected_frames"] == 1
    assert report["proof"]["files"] > 10
    assert report["proof"]["bytes"] > 100_000
    assert planted.elsewhere.read_text() == MARK
    with closing(Control.open(folder.control)) as control:
        card = control.trainsets("t")[0].card
        assert card["erased_rows"] == taken["train"] + taken["heldout"]
        assert [copy.kind for copy in control.copies()] == ["export", "backup"]
    assert tickets.load(folder, "any") is None
    assert list(folder.erasing.iterdir()) == []


def report_straddling(planted):
    """How many of the subject's rows the split had left out of the trainset in the first place."""
    card = json.loads(
        (planted.folder.artifacts / "trainsets" / planted.trainset_id / "card.json").read_text()
    )
    return 30 - card["train"] - card["heldout"] - card["erased_rows"]


@pytest.mark.parametrize("write", range(1, 9))
def test_a_kill_before_any_write_comes_to_the_same_end(planted, write):
    folder = planted.folder
    before = rows_of(planted, OTHER)
    erasure = ask(planted)
    command = (sys.executable, str(CHILD), str(folder.root), erasure.erasure_id, str(write))
    killed = subprocess.run(command, timeout=60, check=False)
    assert killed.returncode == -9
    ended = carry_out(folder, erasure.erasure_id)
    assert ended.phase == "done", ended.report
    assert bytes_with(folder.root, SUBJECT, MARK) == []
    assert rows_of(planted, OTHER) == before
    report = ended.report
    assert report["log"]["calls"] == 10
    assert report["artifacts"]["students_trained"] == ["student-1"]
    assert sum(report["artifacts"]["trainsets"][planted.trainset_id].values()) == 10 - report_straddling(
        planted
    )
    assert report["copies"]["rejected_frames"] == 1
    assert len(report["copies"]["exports_deleted"]) == 1


def test_one_call_or_one_conversation_goes_alone(planted):
    call = planted.calls[SUBJECT][0]
    ended = carry_out(planted.folder, ask(planted, "call", call, also=()).erasure_id)
    assert ended.phase == "done", ended.report
    assert ended.report["log"]["calls"] == 1
    assert bytes_with(planted.folder.root, call) == []
    ended = carry_out(planted.folder, ask(planted, "conversation", "conversation 1", also=()).erasure_id)
    assert ended.report["log"]["calls"] == 5
    assert len(rows_of(planted, SUBJECT)[1]) == 9


def test_a_row_that_goes_on_from_an_erased_call_goes_and_its_call_stays(planted):
    folder, call, others = planted.folder, planted.calls[SUBJECT][0], planted.calls[OTHER]
    with closing(Control.open(folder.control)) as control:
        later = {others[1]: (others[0], call)}
        trainset_id = plant_trainset(
            folder, control, Task(task_id="u", name="u"), others, OTHER, before=later
        )
    ended = carry_out(folder, ask(planted, "call", call, also=()).erasure_id)
    assert ended.phase == "done", ended.report
    assert ended.report["log"]["calls"] == 1
    rows = [
        row
        for name in ("train", "heldout")
        for row in read_rows(folder.artifacts / "trainsets" / trainset_id / f"{name}.jsonl")
    ]
    assert [row["call_id"] for row in rows] == [other for other in others if other != others[1]]
    outputs = (folder.artifacts / "students" / "student-1" / "heldout_outputs.jsonl").read_text()
    assert others[1] not in outputs
    assert others[2] in outputs
    with closing(Log.open(folder.log)) as log:
        assert log.call(others[1]) is not None


def test_what_is_left_somewhere_is_said(planted):
    left = planted.folder.root / "notes.txt"
    left.write_text(f"remember {SUBJECT}")
    ended = carry_out(planted.folder, ask(planted).erasure_id)
    assert ended.phase == "incomplete"
    assert ended.report["sentence"].startswith("It was found in notes.txt.")
    left.write_text(f"remember {SUBJECT}ia")
    ended = carry_out(planted.folder, ask(planted).erasure_id)
    assert ended.phase == "done"
    assert ended.report["proof"]["near"] == ["notes.txt"]


def test_a_row_whose_call_the_log_forgot_is_found_by_its_user(planted):
    with closing(Log.open(planted.folder.log)) as log:
        log.erase(planted.calls[SUBJECT])
    ended = carry_out(planted.folder, ask(planted).erasure_id)
    assert ended.phase == "done", ended.report
    trainset = planted.folder.artifacts / "trainsets" / planted.trainset_id
    assert {row["user"] for row in read_rows(trainset / "train.jsonl")} == {OTHER}


def test_a_user_whose_name_is_a_hash_in_the_rows_is_found_by_it(planted):
    """As redaction leaves it: the user's address is in no row, and the log has forgotten the calls."""
    folder, ids = planted.folder, [new_id() for _ in range(4)]
    with closing(Control.open(folder.control)) as control:
        trainset_id = plant_trainset(folder, control, Task(task_id="t2", name="t2"), ids, pseudonym(SUBJECT))
    ended = carry_out(folder, ask(planted).erasure_id)
    assert ended.phase == "done", ended.report
    trainset = folder.artifacts / "trainsets" / trainset_id
    assert [row for name in ("train", "heldout") for row in read_rows(trainset / f"{name}.jsonl")] == []
    assert json.loads((trainset / "card.json").read_text())["common_users"] == []


def test_a_short_subject_is_looked_for_in_columns_and_the_report_says_so(planted):
    ended = carry_out(planted.folder, ask(planted, value="bob", also=()).erasure_id)
    assert ended.phase == "done"
    assert "less than 6 bytes" in ended.report["sentence"]


def test_a_subject_that_is_a_part_of_another_ones_name_is_not_taken_for_it(planted):
    before = rows_of(planted, OTHER)
    ended = carry_out(planted.folder, ask(planted, value=OTHER[:-1], also=()).erasure_id)
    assert ended.phase == "done", ended.report
    assert ended.report["proof"]["near"]
    assert rows_of(planted, OTHER) == before


def test_that_nobody_knew_the_subject_is_said(planted):
    ended = carry_out(planted.folder, ask(planted, value="nobody-we-know", also=()).erasure_id)
    assert ended.phase == "done"
    assert ended.report["sentence"].startswith("No call of this subject was known. Nothing was found in")
    ended = carry_out(planted.folder, ask(planted).erasure_id)
    assert "was known" not in ended.report["sentence"]


def test_a_subject_in_anothers_words_is_said_with_its_column(planted):
    with closing(Log.open(planted.folder.log)) as log:
        log.erase([call for user in planted.calls for call in planted.calls[user][1:]])
    ended = carry_out(planted.folder, ask(planted, value="nobody-we-know", also=("of 1: plain",)).erasure_id)
    assert ended.phase == "incomplete"
    assert "hot: feedback.comment (1 rows)" in ended.report["sentence"]


def test_another_tenants_subject_of_the_same_name_is_told_apart(planted):
    folder = planted.folder
    with closing(Log.open(folder.log)) as log, closing(Control.open(folder.control)) as control:
        theirs = load(folder, log, SUBJECT, range(100, 103), tenant="globex")
        task = Task(task_id="t-2", tenant="globex", name="t")
        trainset = plant_trainset(folder, control, task, theirs, SUBJECT)
        before = [log.call(call) for call in theirs]
    ended = carry_out(folder, ask(planted, tenant="").erasure_id)
    proof, sentence = ended.report["proof"], ended.report["sentence"]
    assert ended.phase == "done", ended.report
    assert ended.report["log"]["calls"] == 10
    assert (proof["hits"], proof["log"]) == ([], [])
    assert "Other tenants name it, too, and theirs was not touched" in sentence
    assert "hot: calls.user_id (3 rows)" in sentence
    assert "control.sqlite" in proof["shared"]  # "log.duckdb" is only where it did not compress the name
    assert {name.split("/")[2] for name in proof["shared"] if "/" in name} == {trainset}
    with closing(Log.open(folder.log)) as log:
        assert [log.call(call) for call in theirs] == before
    left = folder.root / "notes.txt"
    left.write_text(SUBJECT)
    ended = carry_out(folder, ask(planted, tenant="").erasure_id)
    assert ended.phase == "incomplete"
    assert ended.report["proof"]["hits"] == ["notes.txt"]
    with closing(Log.open(folder.log)) as log:
        for tenant in ("", "globex"):
            load(folder, log, OTHER, [200], tenant)
    ended = carry_out(folder, ask(planted, tenant="", also=("200: plain",)).erasure_id)
    columns = {hit["column"]: (hit["rows"], hit["others"]) for hit in ended.report["proof"]["log"]}
    assert columns == {"tail": (1, 4), "answer": (1, 1), "comment": (1, 1)}
    assert carry_out(folder, ask(planted).erasure_id).report["log"]["calls"] == 3


def test_an_export_that_is_said_to_be_one_of_our_own_files_deletes_nothing(planted):
    folder = planted.folder
    with closing(Control.open(folder.control)) as control:
        for path in (folder.salt_file, folder.log, folder.artifacts / "x.jsonl"):
            control.add_copy(Copy(copy_id=path.name, kind="export", path=str(path), made=1.0))
    ended = carry_out(folder, ask(planted).erasure_id)
    assert ended.phase == "done", ended.report
    assert folder.salt_file.exists()
    assert len(ended.report["copies"]["exports"]) == 4
