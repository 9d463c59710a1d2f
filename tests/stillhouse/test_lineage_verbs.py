"""What the verbs do to tasks: whatever is ordered, no trial, no number, no fingerprint is lost or given twice."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stillhouse.errors import Refused
from stillhouse.lineage.verbs import LONGEST_NAME, VERBS, Ground, decide
from store.control import Standing, TaskOrder
from store.vocabulary import Job, JobKind, Rollout, State, Task, TaskVersion


def order(verb, task_id="a", **fields):
    return TaskOrder(order_id="o", verb=verb, task_id=task_id, actor="operator", ts=9.0, **fields)


def ground(tasks, versions=(), rollouts=(), jobs=(), *, alike=True):
    standing = Standing(
        tasks=tuple(tasks), versions=tuple(versions), rollouts=tuple(rollouts), jobs=tuple(jobs)
    )
    return Ground(standing=standing, alike=lambda _one, _other: alike, now=9.0)


def version(task_id, number, *prints):
    return TaskVersion(
        task_id=task_id, version=number, head_hash=f"h{number}", created=float(number), fingerprints=prints
    )


def rollout(task_id, number, state=State.SHADOW):
    return Rollout(rollout_id="r", task_id=task_id, task_version=number, student_id="s", trial=1, state=state)


def job(task_id):
    return Job(job_id="j", kind=JobKind.DISTILL, task_id=task_id, due=1.0)


A = Task(task_id="a", name="A", explicit=True, called=("a", "alpha"), trials=2)
B = Task(task_id="b", name="B", trials=3)
ROWS = (version("a", 1, "f1"), version("a", 2, "f2", "f3"), version("b", 4, "g"))


def refused(verb, on, **fields):
    with pytest.raises(Refused) as said:
        decide(order(verb, **fields), on)
    return str(said.value)


def test_a_merge_moves_every_version_adds_the_trials_and_keeps_the_old_id_reserved():
    change = decide(order("merge", other="b"), ground([A, B], ROWS))
    source, target = change.tasks
    assert (source.merged_into, source.called, source.last_version) == ("b", (), 2)
    assert (target.trials, target.called, target.explicit) == (5, ("a", "alpha"), False)
    assert [(v.task_id, v.version, v.fingerprints, v.moved_from) for v in change.versions] == [
        ("b", 5, ("f1",), "a@1"),
        ("b", 6, ("f2", "f3"), "a@2"),
    ]
    assert change.gone == ROWS[:2]
    assert change.outcome == "done: a is merged into b: of its versions 1 is 5, 2 is 6 of b."


def test_a_split_inherits_trials_settings_and_mode_and_leaves_the_names_to_the_parent():
    change = decide(order("split", versions=(2,), name="Late ones"), ground([A, B], ROWS))
    parent, part = change.tasks
    assert (part.task_id, part.name, part.trials, part.mode) == ("late-ones", "Late ones", 2, A.mode)
    assert (part.called, part.names) == ((), ("late-ones", "a", "alpha"))
    assert (parent.called, parent.last_version, parent.trials) == (("a", "alpha"), 2, 2)
    assert [(v.task_id, v.version, v.moved_from) for v in change.versions] == [("late-ones", 1, "a@2")]
    assert change.other == "late-ones"


def test_a_rename_keeps_the_id_and_every_name_of_the_settings():
    (renamed,) = decide(order("rename", name="  Zoë's  "), ground([A])).tasks
    assert renamed == replace(A, name="Zoë's")
    assert renamed.names == A.names


@pytest.mark.parametrize("name", ["", "  ", "a\nb", "\ud83d", "\x00", "x" * (LONGEST_NAME + 1)])
def test_a_name_that_cannot_be_shown_is_refused(name):
    assert "printable" in refused("rename", ground([A]), name=name)


def test_what_is_ignored_can_be_heeded_again():
    (ignored,) = decide(order("ignore"), ground([A])).tasks
    assert ignored.left_alone
    assert "already" in refused("ignore", ground([ignored]))
    assert decide(order("heed"), ground([ignored])).tasks == (A,)
    assert "not ignored" in refused("heed", ground([A]))


@pytest.mark.parametrize(
    "fields", [{"verb": "merge", "other": "b"}, {"verb": "split", "versions": (2,)}, {"verb": "ignore"}]
)
def test_a_student_on_its_way_is_ended_first(fields):
    said = refused(on=ground([A, B], ROWS, rollouts=[rollout("a", 2, State.FULL)]), **fields)
    assert said.startswith("Version 2 of 'a' has a rollout in state full; `stillhouse rollout abort r`")
    said = refused(on=ground([A, B], ROWS, rollouts=[rollout("a", 2, State.ROLLING_BACK)]), **fields)
    assert "in a minute" in said
    assert "--cancel" in refused(on=ground([A, B], ROWS, jobs=[job("a")]), **fields)
    decide(order(**fields), ground([A, B], ROWS, rollouts=[rollout("b", 4)], jobs=[job("b")]))


def test_a_split_leaves_the_rollout_of_another_version_alone():
    decide(order("split", versions=(2,)), ground([A], ROWS, rollouts=[rollout("a", 1)]))


def test_what_cannot_be_one_task_is_not_merged():
    on = ground([A, B, replace(B, task_id="c", tenant="k"), replace(B, task_id="d", ignored=True)], ROWS)
    assert "itself" in refused("merge", on, other="a")
    assert "two keys" in refused("merge", on, other="c")
    assert "--undo` first" in refused("merge", on, other="d")
    assert "no task 'z'" in refused("merge", on, other="z")
    assert "different settings" in refused("merge", ground([A, B], ROWS, alike=False), other="b")


def test_what_was_merged_away_is_spoken_of_no_more():
    gone = ground([replace(A, merged_into="b"), B], ROWS)
    for verb in VERBS:
        assert "merged into 'b'" in refused(verb, gone, other="b", versions=(1,), name="x")
    assert "merged into" in refused("merge", gone, task_id="b", other="a")


def test_versions_that_are_not_there_or_all_of_them_are_not_split_off():
    on = ground([A], ROWS)
    assert "has the versions 1, 2; 7 cannot" in refused("split", on, versions=(1, 7))
    assert "none at all" in refused("split", on, versions=())
    assert "task rename" in refused("split", on, versions=(1, 2))


_ORDERS = st.lists(
    st.builds(
        order,
        st.sampled_from([*VERBS, "divine"]),
        st.sampled_from("abc"),
        other=st.sampled_from(["", "a", "b", "c", "a-2"]),
        versions=st.lists(st.integers(1, 4), max_size=3).map(tuple),
        name=st.sampled_from(["", "a", "b", "Some Name"]),
    ),
    max_size=12,
)


@given(_ORDERS)
def test_no_order_of_orders_loses_or_doubles_anything(orders):
    tasks = {
        name: Task(task_id=name, name=name, called=(f"app-{name}",), trials=n) for n, name in enumerate("abc")
    }
    versions = {(t, n): version(t, n, f"{t}{n}") for t in "abc" for n in (1, 2)}
    numbers = set(versions)
    for one in orders:
        before = dict(tasks)
        try:
            change = decide(one, ground(tasks.values(), versions.values()))
        except Refused:
            continue
        for row in change.gone:
            del versions[row.task_id, row.version]
        for row in change.versions:
            assert (row.task_id, row.version) not in numbers, "a number is given once"
            numbers.add((row.task_id, row.version))
            versions[row.task_id, row.version] = row
        tasks.update({task.task_id: task for task in change.tasks})
        for task_id, task in before.items():
            assert tasks[task_id].trials >= task.trials
            if task.merged_into:
                assert tasks[task_id] == task, "what was merged away is history"
        for task in change.tasks:
            origin = before.get(task.task_id) or before[one.task_id]
            assert task.trials >= origin.trials
            assert task.tenant == origin.tenant
    prints = sorted(f for row in versions.values() for f in row.fingerprints)
    assert prints == sorted(f"{t}{n}" for t in "abc" for n in (1, 2))
    assert sorted(name for task in tasks.values() for name in task.called) == ["app-a", "app-b", "app-c"]
    assert all(not tasks[task_id].merged_into for task_id, _number in versions)
