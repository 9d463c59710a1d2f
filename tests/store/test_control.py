import sqlite3
import threading
from dataclasses import replace

import pytest
from sqlalchemy import inspect

from store.control import Control, Order
from store.control.schema import metadata
from store.errors import Conflict, NotFound, SchemaTooNew, StaleEpoch, StoreError
from store.template import Run, Template
from store.vocabulary import (
    Capabilities,
    Evaluation,
    Job,
    JobKind,
    JobState,
    Observation,
    ObservationKind,
    Program,
    Release,
    Rollout,
    Route,
    Server,
    State,
    Stream,
    Student,
    Task,
    TaskMode,
    TaskVersion,
    Trainset,
    Transition,
    Verdict,
    Watch,
    WatchKind,
)

TASK = Task(task_id="triage", tenant="acme", name="Ticket triage", mode=TaskMode.AUTO, created=1.0)
ROLLOUT = Rollout(
    rollout_id="r1",
    task_id="triage",
    task_version=1,
    student_id="s1",
    trial=2,
    state=State.SHADOW,
    salt="ab",
    created=2.0,
    evidence={"n": [1, 2, 3]},
)
ROUTE = Route(
    task_id="triage",
    task_version=1,
    fingerprints=("f1", "f2"),
    rollout_id="r1",
    student_id="s1",
    step=State.CANARY_1,
    share=0.01,
    holdback=0.02,
    salt="ab",
    shadow=1.0,
    reverse_shadow=1.0,
    base_url="http://127.0.0.1:9/v1",
    model="student",
    program=Program(head=({"role": "system", "content": "Be."},), head_hash="h"),
    release=Release.FIRST_TOKEN,
    capabilities=Capabilities(context=512, tools=True),
    updated=3.0,
)


def transition(name="t1", **fields):
    return Transition(
        **{
            "transition_id": name,
            "rollout_id": "r1",
            "task_id": "triage",
            "ts": 3.0,
            "source": State.SHADOW,
            "target": State.CANARY_1,
            "cause": "gate_passed",
            "why": "300 pairs.",
            "share": 0.01,
            "epoch": 0,
            "inputs": {"pairs": 300},
            **fields,
        }
    )


def observation(seq, **fields):
    return Observation(
        **{
            "rollout_id": "r1",
            "seq": seq,
            "call_id": f"c{seq}",
            "kind": ObservationKind.PAIRED,
            "d": -0.5,
            "step": "shadow",
            "served_by": "teacher",
            "propensity": 1.0,
            "ts": 2.5,
            **fields,
        }
    )


@pytest.fixture
def control(tmp_path):
    opened = Control.open(tmp_path / "control.sqlite")
    yield opened
    opened.close()


@pytest.fixture
def epoch(control):
    return control.take_epoch("test")


@pytest.fixture
def rolling(control, epoch):
    control.save_task(TASK, epoch)
    control.create_rollout(ROLLOUT, epoch)
    return control


def test_every_noun_comes_back_as_it_was(control, epoch):
    version = TaskVersion(task_id="triage", version=1, head_hash="h", created=1.0, fingerprints=("f1", "f2"))
    trainset = Trainset(
        trainset_id="x",
        task_id="triage",
        task_version=1,
        created=1.0,
        train=9,
        heldout=1,
        path="p",
        card={"a": [1]},
    )
    student = Student(
        student_id="s1",
        task_id="triage",
        task_version=1,
        recipe="finetune",
        base="smol",
        trainset_id="x",
        created=1.0,
        program=Program(head=(), head_hash="h"),
        capabilities=Capabilities(n=2),
        training={"loss": 0.5},
        parity=1.0,
    )
    evaluation = Evaluation(
        evaluation_id="e",
        student_id="s1",
        task_id="triage",
        created=1.0,
        n=10,
        student_mean=0.9,
        teacher_mean=None,
        delta_mean=0.0,
        delta_lower=-0.01,
        verdict=Verdict.PASS,
        why="Well.",
        detail={"x": {"y": None}},
    )
    server = Server(student_id="s1", port=4100, weights="/x.gguf")
    control.save_task(TASK, epoch)
    control.save_version(version, epoch)
    control.save_trainset(trainset, epoch)
    control.save_student(student, epoch)
    control.save_evaluation(evaluation, epoch)
    control.save_server(server, epoch)
    assert control.tasks() == [control.task("triage")] == [TASK]
    assert control.versions("triage") == [version] == [control.version_of("f2")]
    assert control.version_of("f3") is None
    assert control.trainsets("triage") == [trainset]
    assert control.students() == control.students("triage") == [control.student("s1")] == [student]
    assert control.students("other") == []
    assert control.evaluations("s1") == [evaluation]
    assert control.servers() == [server]
    assert control.task("none") is control.student("none") is control.rollout("none") is None


def test_templates_are_published_as_a_whole_by_the_leader_alone(control, epoch):
    runs = (Run(words=("sort", "the")), Run(words=("now",), gap=True, optional=True))
    one = Template(template_id="1" * 32, scope="5" * 16, runs=runs, open_end=True, created=3.5)
    other = Template(template_id="2" * 32, scope="6" * 16, runs=runs[:1])
    assert (control.templates(), control.templates_revision()) == ([], 0)
    control.publish_templates([other, one], epoch)
    assert (control.templates(), control.templates_revision()) == ([one, other], 1)
    with sqlite3.connect(control._path) as file:
        assert "sort the" in file.execute("SELECT group_concat(runs) FROM templates").fetchone()[0]
    control.publish_templates([other], epoch)
    assert (control.templates(), control.templates_revision()) == ([other], 2)
    control.publish_templates([], epoch)
    assert (control.templates(), control.templates_revision()) == ([], 3)
    control.take_epoch("another")
    with pytest.raises(StaleEpoch):
        control.publish_templates([one], epoch)
    assert control.templates_revision() == 3


def test_saving_again_replaces(control, epoch):
    control.save_task(replace(TASK, trials=3), epoch)
    control.save_task(replace(TASK, name="New", trials=1), epoch)
    assert control.tasks() == [replace(TASK, name="New", trials=3)], "trials only grow"


def test_a_fingerprint_belongs_to_one_version(control, epoch):
    first = TaskVersion(task_id="triage", version=1, head_hash="h", fingerprints=("f1", "f2"))
    control.save_version(first, epoch)
    control.save_version(replace(first, version=2, fingerprints=("f2", "f3")), epoch)
    assert [control.version_of(f).version for f in ("f1", "f2", "f3")] == [1, 2, 2]
    control.save_version(replace(first, version=2, fingerprints=("f3",)), epoch)
    assert control.version_of("f2") is None


def test_a_rollout_counts_its_trial_on_the_task(rolling, epoch):
    assert rolling.task("triage").trials == 2
    assert rolling.rollouts("triage") == [rolling.rollout("r1")] == [ROLLOUT]
    with pytest.raises(Conflict):
        rolling.create_rollout(replace(ROLLOUT, trial=9), epoch)
    assert rolling.task("triage").trials == 2
    with pytest.raises(NotFound, match="no task 'other'"):
        rolling.create_rollout(replace(ROLLOUT, rollout_id="r2", task_id="other"), epoch)


def test_a_decision_is_written_whole(rolling, epoch):
    after = replace(ROLLOUT, state=State.CANARY_1, consumed_seq=2)
    rolling.transition(after, transition(), ROUTE, [observation(1), observation(2)], epoch)
    assert rolling.rollout("r1") == after
    assert rolling.routes() == [replace(ROUTE, epoch=epoch)]
    assert rolling.transitions(rollout_id="r1") == rolling.transitions("triage") == [transition(epoch=epoch)]
    assert rolling.observations("r1") == [observation(1), observation(2)]
    ended = replace(after, state=State.ROLLED_BACK)
    back = transition("t2", source=State.CANARY_1, target=State.ROLLED_BACK)
    rolling.transition(ended, back, None, [], epoch)
    assert rolling.routes() == []
    assert [t.transition_id for t in rolling.transitions()] == ["t1", "t2"]
    assert rolling.rollouts(live=True) == []
    with sqlite3.connect(rolling._path) as plain:
        assert plain.execute("select kind, ref, epoch from outbox order by position").fetchall() == [
            ("transition", "t1", epoch),
            ("transition", "t2", epoch),
        ]
    plain.close()


def test_a_decision_that_counts_a_pair_twice_leaves_nothing(rolling, epoch):
    rolling.observe(replace(ROLLOUT, consumed_seq=1), [observation(1)], epoch)
    with pytest.raises(Conflict):
        rolling.transition(
            replace(ROLLOUT, state=State.CANARY_1),
            transition(),
            ROUTE,
            [observation(2), observation(1)],
            epoch,
        )
    with pytest.raises(Conflict):
        rolling.observe(replace(ROLLOUT, consumed_seq=9), [observation(1)], epoch)
    assert rolling.rollout("r1") == replace(ROLLOUT, consumed_seq=1)
    assert rolling.observations("r1") == [observation(1)]
    assert rolling.routes() == rolling.transitions() == []


def test_a_pair_counts_once_for_each_stream(rolling, epoch):
    late = observation(1, stream=Stream.LATENCY)
    rolling.observe(ROLLOUT, [observation(1), late], epoch)
    assert rolling.observations("r1") == [late, observation(1)]
    with pytest.raises(Conflict):
        rolling.observe(ROLLOUT, [late], epoch)
    assert rolling.forget_calls(["c1"], epoch) == 2
    assert {o.call_id for o in rolling.observations("r1")} == {""}


def test_removing_a_route_removes_only_the_rollouts_own(rolling, epoch):
    rolling.save_route(replace(ROUTE, rollout_id="r2"), epoch)
    rolling.transition(replace(ROLLOUT, state=State.SUPERSEDED), transition(), None, [], epoch)
    assert [route.rollout_id for route in rolling.routes()] == ["r2"]
    rolling.save_route(ROUTE, epoch)
    assert [route.rollout_id for route in rolling.routes()] == ["r1"], "one route for a task version"


def test_an_erased_call_leaves_its_observation_without_a_name(rolling, epoch):
    rolling.observe(replace(ROLLOUT, consumed_seq=2), [observation(1), observation(2)], epoch)
    assert rolling.forget_calls(["c1", "c9"], epoch) == 1
    assert rolling.observations("r1") == [observation(1, call_id=""), observation(2)]


def test_every_write_of_a_replaced_leader_fails(rolling, epoch):
    later = rolling.take_epoch("other")
    assert later == epoch + 1
    job = Job(job_id="j", kind=JobKind.DISTILL, task_id="triage", due=1.0)
    order = Order(order_id="o", rollout_id="r1", verb="pause", actor="me", reason="", ts=1.0)
    rolling.order(order)
    writes = [
        lambda: rolling.save_task(replace(TASK, name="x"), epoch),
        lambda: rolling.observe(replace(ROLLOUT, consumed_seq=9), [observation(1)], epoch),
        lambda: rolling.transition(replace(ROLLOUT, state=State.FULL), transition(), ROUTE, [], epoch),
        lambda: rolling.save_route(ROUTE, epoch),
        lambda: rolling.add_job(job, epoch),
        lambda: rolling.lease(JobKind.DISTILL, 1.0, 1.0, epoch),
        lambda: rolling.finish_order("o", "done", epoch),
        lambda: rolling.heartbeat(epoch, 99.0),
        lambda: rolling.save_server(Server(student_id="s", port=1, weights="x"), epoch),
    ]
    for write in writes:
        with pytest.raises(StaleEpoch):
            write()
    assert rolling.tasks()[0].name == TASK.name
    assert rolling.rollout("r1") == ROLLOUT
    assert rolling.routes() == rolling.transitions() == rolling.observations("r1") == rolling.servers() == []
    assert rolling.jobs() == []
    assert rolling.orders() == [order]
    rolling.heartbeat(later, 99.0)
    assert rolling.heartbeat_at() == 99.0


def test_data_version_tells_a_reader_of_anothers_commit(control, epoch, tmp_path):
    reader = Control.open(tmp_path / "control.sqlite")
    before = reader.data_version()
    assert reader.data_version() == before
    control.save_route(ROUTE, epoch)
    changed = reader.data_version()
    assert changed != before
    assert reader.routes() == [replace(ROUTE, epoch=epoch)]
    assert reader.data_version() == changed
    own = control.data_version()
    control.take_epoch("again")
    assert control.data_version() != own, "a writer's own commits count, too"
    reader.close()


def test_jobs_are_unique_and_leased_to_one(control, epoch):
    job = Job(job_id="j1", kind=JobKind.DISTILL, task_id="triage", due=10.0, created=1.0)
    assert control.add_job(job, epoch)
    assert not control.add_job(replace(job, job_id="j2"), epoch)
    assert control.add_job(replace(job, job_id="j3", due=5.0), epoch)
    assert control.lease(JobKind.DISTILL, 4.0, 60.0, epoch) is None
    first = control.lease(JobKind.DISTILL, 20.0, 60.0, epoch)
    assert (first.job_id, first.state, first.attempts, first.lease_until) == ("j3", JobState.RUNNING, 1, 80.0)
    assert control.lease(JobKind.DISTILL, 21.0, 60.0, epoch).job_id == "j1"
    assert control.lease(JobKind.DISTILL, 22.0, 60.0, epoch) is None
    done = replace(first, state=JobState.DONE, progress={"step": 3}, result={"student_id": "s"}, updated=30.0)
    control.save_job(done, epoch)
    assert done in control.jobs("triage")
    again = control.lease(JobKind.DISTILL, 82.0, 60.0, epoch)
    assert (again.job_id, again.attempts) == ("j1", 2)
    with pytest.raises(NotFound):
        control.save_job(replace(job, job_id="nope"), epoch)


def test_a_new_leader_takes_up_the_old_ones_jobs_at_once(control, epoch):
    control.add_job(Job(job_id="j", kind=JobKind.DISTILL, task_id="t", due=1.0), epoch)
    control.lease(JobKind.DISTILL, 2.0, 600.0, epoch)
    assert control.lease(JobKind.DISTILL, 3.0, 600.0, epoch) is None
    assert control.lease(JobKind.DISTILL, 3.0, 600.0, control.take_epoch("next")).attempts == 2


def test_orders_wait_until_they_are_finished(control, epoch):
    order = Order(order_id="o", rollout_id="r1", verb="force", actor="ann", reason="holiday", ts=2.0)
    control.order(order)
    control.order(replace(order, order_id="p", ts=1.0))
    assert [o.order_id for o in control.orders()] == ["p", "o"]
    control.finish_order("p", "Paused.", epoch)
    assert control.orders() == [order]
    assert [o.outcome for o in control.orders(pending=False)] == ["Paused.", None]
    with pytest.raises(NotFound):
        control.finish_order("none", "x", epoch)


def test_the_supervisors_pid_survives_what_control_wants(control, epoch):
    server = Server(student_id="s1", port=4100, weights="/x.gguf")
    control.save_server(server, epoch)
    control.seen_pid("s1", 77)
    control.save_server(replace(server, wanted=False), epoch)
    assert control.servers() == [replace(server, wanted=False, pid=77)]
    control.seen_pid("s1", None)
    assert control.servers()[0].pid is None


def test_threads_write_one_after_the_other(rolling, epoch):
    errors = []

    def add(start):
        try:
            for seq in range(start, start + 10):
                rolling.observe(ROLLOUT, [observation(seq)], epoch)
        except StoreError as error:
            errors.append(error)

    threads = [threading.Thread(target=add, args=(start,)) for start in (0, 10, 20)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert errors == []
    assert [o.seq for o in rolling.observations("r1")] == list(range(30))


def test_migrations_go_forward_and_back_and_match_the_schema(control):
    with control.reading() as connection:
        found = inspect(connection)
        assert set(found.get_table_names()) == set(metadata.tables)
        for name, table in metadata.tables.items():
            columns = {c["name"]: (str(c["type"]), c["nullable"]) for c in found.get_columns(name)}
            wanted = {c.name: (str(c.type), bool(c.nullable)) for c in table.columns}
            assert columns == wanted
            assert found.get_pk_constraint(name)["constrained_columns"] == [c.name for c in table.primary_key]
            assert {i["name"] for i in found.get_indexes(name)} == {i.name for i in table.indexes}
    control.migrate(0)
    with control.reading() as connection:
        assert inspect(connection).get_table_names() == []
    control.migrate()
    assert control.tasks() == []


def test_a_later_schema_is_refused(control, tmp_path):
    with sqlite3.connect(tmp_path / "control.sqlite") as plain:
        plain.execute("update schema_version set version = 99")
    plain.close()
    with pytest.raises(SchemaTooNew, match="schema 99"):
        Control.open(tmp_path / "control.sqlite")


def test_what_is_no_database_is_one_clear_error(tmp_path):
    (tmp_path / "x").write_bytes(b"not a database, but long enough to be looked at as one" * 20)
    with pytest.raises(StoreError, match="damaged or no database"):
        Control.open(tmp_path / "x")
    with pytest.raises(StoreError, match="cannot be opened"):
        Control.open(tmp_path / "none" / "x")


def test_a_watch_is_kept_as_it_is(control, epoch):
    watch = Watch(rollout_id="r", kind=WatchKind.INPUTS, seq=7, state={"n": [1, None]}, updated=2.0)
    control.save_watch(watch, epoch)
    control.save_watch(Watch(rollout_id="r", kind=WatchKind.TEACHER), epoch)
    control.save_watch(watch, epoch)
    assert control.watches("r") == [watch, Watch(rollout_id="r", kind=WatchKind.TEACHER)]
    assert control.watches("other") == []
