"""Erasing what students were told word for word, and what the house itself asked about a subject's calls."""

import json
from contextlib import closing
from dataclasses import asdict, replace

import pytest
from erasurekit import MARK, OTHER, SUBJECT, ask, bytes_with, carry_out, copied, fill, load_internal

from distiller.programs.spec import PromptSpec, Way
from distiller.scoring.spec import MetricSpec
from distiller.training.spec import TrainSpec
from store.artifacts import Artifacts
from store.control import Control
from store.log import Log
from store.vocabulary import JobState, Program, Rollout, Route, State, Student

DEMOS = ({"role": "user", "content": MARK}, {"role": "assistant", "content": "billing"})
HEAD = ({"role": "system", "content": f"Someone who says {MARK} means billing."},)
PROGRAMS = {
    "examples": Program(demos=DEMOS),
    "head": Program(head=HEAD, head_hash="h"),
}


def prompted(planted, student_id, program, calls, *, state=State.CANARY_25):
    """Make a student that a program was searched for, with its rollout, route and rung."""
    folder = planted.folder
    rung = folder.jobs / "job-1" / student_id
    train = TrainSpec(
        trainset=folder.artifacts / "trainsets" / planted.trainset_id,
        out=rung / "out",
        base=folder.artifacts / "base",
        student_name="s",
        program=program,
    )
    spec = PromptSpec(way=Way.FEWSHOT, train=train, metric=MetricSpec(name="label"), demo_calls=tuple(calls))
    (rung / "out").mkdir(parents=True)
    spec.save(rung)
    (rung / "log.txt").write_text(f"Proposed new text: {MARK}\n")
    (rung / "spec.part").write_text(MARK)
    made = json.dumps(asdict(program), ensure_ascii=False)
    (rung / "out" / "program.json").write_text(made)
    result = {"score": 0.9, "demo_calls": list(calls), "spec": spec.to_json()}
    (rung / "result.json").write_text(json.dumps(result))
    draft = folder.jobs / "draft student"
    draft.mkdir()
    (draft / "program.json").write_text(made)
    Artifacts(folder.artifacts).publish("students", student_id, draft)
    with closing(Control.open(folder.control)) as control:
        epoch = control.take_epoch("test")
        student = Student(
            student_id=student_id, task_id="t", task_version=1, recipe="fewshot", base="b", created=2.0,
            trainset_id=planted.trainset_id, program=program, training=result,
        )  # fmt: skip
        control.save_student(student, epoch)
        rollout = Rollout(
            rollout_id=f"r-{student_id}", task_id="t", task_version=1, student_id=student_id, trial=1, state=state
        )  # fmt: skip
        control.create_rollout(rollout, epoch)
        route = Route(
            task_id="t", task_version=len(control.routes()), fingerprints=("f" * 32,), rollout_id=rollout.rollout_id,
            student_id=student_id, step=state, share=0.25, holdback=0.02, salt="s", shadow=0.1, reverse_shadow=0.2,
            base_url="http://127.0.0.1:1/v1", model="m", program=program,
        )  # fmt: skip
        control.save_route(route, epoch)
    return rung


@pytest.fixture(scope="module")
def original(tmp_path_factory):
    """A filled data folder; each test works on a copy."""
    return fill(tmp_path_factory.mktemp("original") / "data")


@pytest.fixture
def planted(original, tmp_path):
    return copied(original, tmp_path)


@pytest.mark.parametrize("kind", PROGRAMS)
def test_a_live_student_that_repeats_the_subject_gives_way_to_the_teacher(planted, kind):
    folder = planted.folder
    rung = prompted(planted, "student-2", PROGRAMS[kind], planted.calls[SUBJECT][:1])
    assert bytes_with(rung, MARK) == ["log.txt", "out/program.json", "result.json", "spec.json", "spec.part"]
    ended = carry_out(folder, ask(planted).erasure_id)
    assert ended.phase == "done", ended.report
    assert bytes_with(folder.root, SUBJECT, MARK) == []
    told = ended.report["artifacts"]
    assert told["students_ended"] == ["student-2"]
    assert told["students_trained"] == ["student-1", "student-2"]
    with closing(Control.open(folder.control)) as control:
        student, (route,), (order,) = control.student("student-2"), control.routes(), control.orders()
        assert (student.program, student.erased) == (Program(), ended.asked)
        assert student.training == {"score": 0.9}
        assert (route.share, route.shadow, route.reverse_shadow, route.program) == (0, 0, 0, Program())
        assert (order.rollout_id, order.verb, order.actor) == ("r-student-2", "abort", "erasure")
        assert [job.task_id for job in control.jobs() if job.state is JobState.QUEUED] == ["t"]
    assert json.loads((folder.artifacts / "students/student-2/program.json").read_text())["demos"] == []
    assert PromptSpec.load(rung).train.program == Program()


def test_a_program_of_others_words_stays_and_an_ended_rollout_is_left_alone(planted):
    others = Program(demos=({"role": "user", "content": "plain"}, {"role": "assistant", "content": "x"}))
    rung = prompted(planted, "student-3", others, planted.calls[OTHER][:1])
    prompted(planted, "student-2", PROGRAMS["examples"], planted.calls[SUBJECT][:1], state=State.ROLLED_BACK)
    (rung / "spec.part").unlink()
    before = {path: path.read_bytes() for path in rung.rglob("*.json")}
    ended = carry_out(planted.folder, ask(planted).erasure_id)
    assert ended.phase == "done", ended.report
    assert ended.report["artifacts"]["students_ended"] == ["student-2"]
    with closing(Control.open(planted.folder.control)) as control:
        assert control.student("student-3").program == others
        assert control.orders() == []
        assert [route.share for route in control.routes() if route.student_id == "student-3"] == [0.25]
    assert {path: path.read_bytes() for path in rung.rglob("*.json")} == before


def test_one_call_takes_the_program_that_repeats_it(planted):
    call, other = planted.calls[SUBJECT][:2]
    prompted(planted, "student-2", PROGRAMS["examples"], [call, other])
    ended = carry_out(planted.folder, ask(planted, "call", call, also=()).erasure_id)
    assert ended.phase == "done", ended.report
    assert bytes_with(planted.folder.root, call) == []
    with closing(Control.open(planted.folder.control)) as control:
        assert control.student("student-2").program == Program()


def test_a_program_that_a_killed_child_left_is_made_again(planted):
    rung = prompted(planted, "student-2", PROGRAMS["examples"], planted.calls[SUBJECT][:1])
    (rung / "result.json").unlink()
    ended = carry_out(planted.folder, ask(planted).erasure_id)
    assert ended.phase == "done", ended.report
    assert not (rung / "out" / "program.json").exists()


def test_repeated_after_a_kill_it_orders_no_second_end(planted):
    prompted(planted, "student-2", PROGRAMS["examples"], planted.calls[SUBJECT][:1])
    carry_out(planted.folder, ask(planted).erasure_id)
    with closing(Control.open(planted.folder.control)) as control:
        student = replace(
            control.student("student-2"), program=PROGRAMS["examples"],
            training={"demo_calls": planted.calls[SUBJECT]},
        )  # fmt: skip
        control.save_student(student, control.take_epoch("test"))
    ended = carry_out(planted.folder, ask(planted, "call", planted.calls[SUBJECT][0]).erasure_id)
    assert ended.report["artifacts"]["students_ended"] == ["student-2"]
    with closing(Control.open(planted.folder.control)) as control:
        assert len(control.orders()) == 1


@pytest.mark.parametrize(
    "subject", [("user", SUBJECT), ("conversation", "conversation 0"), ("call", None)], ids=lambda s: s[0]
)
def test_what_the_house_asked_about_an_erased_call_goes_with_it(planted, subject):
    kind, value = subject
    folder, mine, theirs = planted.folder, planted.calls[SUBJECT][0], planted.calls[OTHER][0]
    with closing(Log.open(folder.log)) as log:
        gone = load_internal(folder, log, [theirs, mine], f"Is this right? {MARK}")
        stays = load_internal(folder, log, [theirs], "Is this right? plain")
        assert log.about([mine]) == [gone]
        assert log.about([theirs]) == [gone, stays]
    wish = ask(planted, kind, value or mine, also=(), tenant="")
    ended = carry_out(folder, wish.erasure_id)
    assert ended.phase == "done", ended.report
    assert ended.report["log"]["internal"] == 1
    with closing(Log.open(folder.log)) as log:
        assert log.call(gone) is None
        assert log.call(stays) is not None
        assert log.search([MARK], whole=True) == [] or kind != "user"
