"""The verbs over a real control state: carried out once and whole, told everywhere, asked for over the admin API."""

import io
import json
import time

import pytest
from fastapi.testclient import TestClient
from rich.console import Console
from test_house import stores  # noqa: F401 - the same house

from distiller.grouping import Grouper
from distiller.scoring.shapes import Shapes
from distiller.settings import Policies
from gateway.fingerprint import fingerprint
from stillhouse.admin import app as admin
from stillhouse.cli import draw
from stillhouse.desk import ControlDesk
from stillhouse.errors import Refused
from stillhouse.lineage import Keeper
from stillhouse.settings.policy import Policy
from stillhouse.settings.tree import Settings
from stillhouse.views import explain, status, tasks
from store.control import Change, TaskOrder
from store.errors import NotFound, StaleEpoch
from store.ids import new_id
from store.log.load import Batch
from store.opening import FP_VERSION
from store.vocabulary import Call, Rollout, State, Task, TaskVersion


@pytest.fixture
def two(stores):  # noqa: F811 - pytest's way
    """A house with two tasks: `a` with two versions, `b` with one."""
    epoch = stores.control.take_epoch("test")
    for name, versions in {"a": (1, 2), "b": (1,)}.items():
        stores.control.save_task(Task(task_id=name, name=name.upper(), trials=len(versions)), epoch)
        for number in versions:
            made = TaskVersion(
                task_id=name, version=number, head_hash="h", fingerprints=(f"{name}{number}",), created=5.0
            )
            stores.control.save_version(made, epoch)
    return stores


def keeper(house, settings=None, epoch=1):
    return Keeper(house.control, settings or house.settings, epoch, now=lambda: 7.0)


def ordered(house, verb, task_id, **fields):
    order = TaskOrder(
        order_id=f"{verb}-{task_id}", verb=verb, task_id=task_id, actor="operator", ts=6.0, **fields
    )
    house.control.order_task(order)
    return order.order_id


def outcome(house, order_id):
    return next(o.outcome for o in house.control.task_orders() if o.order_id == order_id)


def test_new_calls_follow_a_merge_and_its_undoing(two):
    control = two.control
    ordered(two, "merge", "b", other="a", reason="the same prompt")
    assert keeper(two).step() == 1
    assert (control.version_of("b1").task_id, control.version_of("b1").version) == ("a", 3)
    assert control.versions("b") == []
    assert (control.task("b").merged_into, control.task("a").trials) == ("a", 3)
    ordered(two, "split", "a", versions=(3,), name="b again")
    assert keeper(two).step() == 1
    assert control.version_of("b1") == control.versions("b-again")[0]
    assert (control.task("b-again").trials, control.versions("b-again")[0].moved_from) == (3, "a@3")
    assert control.task("a").last_version == 3, "no later version may be a 3 again"
    assert keeper(two).step() == 0


def log_call(house, name, said):
    """Log one call as the gateway would."""
    request = {
        "model": "m",
        "messages": [{"role": "system", "content": said}, {"role": "user", "content": "x"}],
    }
    call = Call(
        call_id=new_id(),
        ts=time.time(),
        fingerprint=fingerprint(request, "", name),
        fp_version=FP_VERSION,
        task_name=name,
        model="m",
        body=json.dumps(request).encode(),
    )
    house.log.loader.load(Batch(calls=[(call, "w")]))
    return call.fingerprint


def test_new_wordings_follow_the_apps_name_into_the_task_that_it_was_merged_into(stores):  # noqa: F811
    control, epoch = stores.control, stores.control.take_epoch("test")

    def grouper():
        shapes = Shapes(log=stores.log, control=control, policies=Policies())
        return Grouper(log=stores.log, control=control, epoch=epoch, shapes=shapes)

    grouping, wording = grouper(), "Say in one of three words what the customer wants {}."
    first = log_call(stores, "refunds", wording.format("back"))
    log_call(stores, "billing", "Answer what was asked about a bill in one short and friendly line.")
    grouping.step()
    ordered(stores, "merge", "refunds", other="billing")
    keeper(stores, epoch=epoch).step()
    edited = log_call(stores, "refunds", wording.format("now"))
    grouping.step()
    assert [control.version_of(f).task_id for f in (first, edited)] == ["billing", "billing"]
    assert [v.version for v in control.versions("billing")] == [1, 2, 3]
    ordered(stores, "split", "billing", versions=(3,), name="Later")
    keeper(stores, epoch=epoch).step()
    third = log_call(stores, "refunds", wording.format("tomorrow"))
    grouper().step()  # after a restart
    assert (control.version_of(third).task_id, control.version_of(third).version) == ("billing", 4)
    assert control.version_of(edited).task_id == "later"
    assert control.versions("refunds") == []


def test_an_order_is_carried_out_once_whoever_asks_again(two):
    order_id = ordered(two, "rename", "a", name="New")
    keeper(two).step()

    def never(_order: TaskOrder, _standing: object) -> Change:
        raise AssertionError

    two.control.carry_out(order_id, never, 1)
    with pytest.raises(NotFound):
        two.control.carry_out("nothing", never, 1)


def test_a_deposed_leader_changes_nothing(two):
    order_id = ordered(two, "merge", "b", other="a")
    two.control.take_epoch("another")
    with pytest.raises(StaleEpoch):
        keeper(two).step()
    assert outcome(two, order_id) is None
    assert two.control.version_of("b1").task_id == "b"


def test_a_verb_that_fails_half_way_leaves_nothing_behind(two):
    order_id = ordered(two, "merge", "b", other="a")

    def half(_order, standing):
        [version] = [v for v in standing.versions if v.task_id == "b"]
        return Change(
            outcome="done", tasks=(two.control.task("a"),), gone=(version,), versions=("no version",)
        )

    with pytest.raises(AttributeError):
        two.control.carry_out(order_id, half, 1)
    assert outcome(two, order_id) is None
    assert [v.version for v in two.control.versions("b")] == [1]


def test_a_refusal_is_written_down_and_moves_nothing(two):
    rollout = Rollout(
        rollout_id="r",
        task_id="b",
        task_version=1,
        student_id="s",
        trial=1,
        state=State.CANARY_1,
        created=1.0,
    )
    two.control.create_rollout(rollout, 1)
    order_id = ordered(two, "merge", "b", other="a")
    keeper(two).step()
    assert outcome(two, order_id).startswith("refused: Version 1 of 'b' has a rollout in state canary_1")
    assert two.control.version_of("b1").task_id == "b"


def test_settings_of_its_own_are_not_lost_in_silence(two):
    own = Settings(data=two.folder.root, tasks={"b": Policy(delta=0.1)})
    order_id = ordered(two, "merge", "b", other="a")
    keeper(two, own).step()
    assert "have different settings" in outcome(two, order_id)
    both = own.model_copy(update={"tasks": {"b": Policy(delta=0.1), "a": Policy(delta=0.1)}})
    order_id = ordered(two, "merge", "a", other="b")
    keeper(two, both).step()
    assert outcome(two, order_id).startswith("done: ")


def test_settings_under_the_old_names_hold_after_a_rename_and_a_split(two):
    own = Settings(data=two.folder.root, tasks={"a": Policy(delta=0.1)})
    ordered(two, "rename", "a", name="Other")
    ordered(two, "split", "a", versions=(2,))
    keeper(two, own).step()
    for task_id in ("a", "a-2"):
        assert own.task_policy(two.control.task(task_id)).delta == 0.1
    assert two.control.task("a-2").name == "Other, a part"


def test_what_was_done_is_told_in_lists_stories_and_the_status(two):
    ordered(two, "merge", "b", other="a", reason="one prompt")
    ordered(two, "rename", "a", name="Both")
    keeper(two).step()
    assert [row["task_id"] for row in tasks.tasks(two)] == ["a"]
    assert {row["task_id"]: row["state"] for row in tasks.tasks(two, everything=True)} == {
        "a": "collecting",
        "b": "merged",
    }
    shown = status.status(two)
    assert shown["left_alone"] == [{"task_id": "b", "name": "B", "why": "was merged into 'a'"}]
    row = shown["tasks"][0]
    assert [(v["version"], v["moved_from"]) for v in row["versions"]] == [(1, ""), (2, ""), (3, "b@1")]
    told = "operator said merge b into a, because: one prompt. done: b is merged into a: of its versions 1 is 3 of a."
    assert row["history"][0]["sentence"] == told
    for task_id in ("a", "b"):
        story = explain.explain(two, task_id)
        assert next(line["sentence"] for line in story["story"] if line["kind"] == "operator") == told
    assert story["waiting_for"] == []
    terminal = Console(file=io.StringIO(), width=200)
    draw.task(terminal, tasks.task(two, "a"))
    draw.task(terminal, tasks.task(two, "b"))
    drawn = terminal.file.getvalue()
    assert "Version 3: since" in drawn
    assert "1 fingerprint, was b@1" in drawn
    assert "It was merged into 'a'." in drawn


@pytest.fixture
def desk(two):
    return ControlDesk(two, 1, executor=None, erasing=None)


def test_nothing_that_is_left_alone_is_distilled(two, desk):
    ordered(two, "ignore", "a")
    keeper(two).step()
    with pytest.raises(Refused, match=r"'a' is ignored; `stillhouse task ignore a --undo` ends that"):
        desk.distill("a", anyway=True)


@pytest.fixture
def api(two, desk):
    app = admin.build(two, desk, (), token="t", hosts=())
    with TestClient(app, "http://localhost", headers={"authorization": "Bearer t"}) as client:
        yield client


def test_the_admin_api_takes_each_verb(two, api):
    for path, body in (
        ("a/rename", {"name": "One", "reason": "nicer"}),
        ("a/split", {"versions": [2], "name": "Two"}),
        ("a/ignore", {}),
        ("a/ignore", {"undo": True}),
        ("b/merge", {"into": "a"}),
    ):
        answer = api.post(f"/api/tasks/{path}", json=body)
        assert (answer.status_code, answer.json()["outcome"]) == (202, None)
        keeper(two).step()
    told = api.get("/api/lineage").json()
    assert [o["outcome"].partition(":")[0] for o in told] == ["done"] * 5
    assert (told[0]["reason"], told[0]["actor"]) == ("nicer", "operator")
    assert [o["verb"] for o in api.get("/api/lineage", params={"task": "two"}).json()] == ["split"]
    assert [row["task_id"] for row in api.get("/api/tasks").json()] == ["a", "two"]
    assert len(api.get("/api/tasks", params={"everything": True}).json()) == 3


@pytest.mark.parametrize(
    ("path", "body", "code"),
    [
        ("z/rename", {"name": "x"}, 404),
        ("a/merge", {"into": "z"}, 404),
        ("a/merge", {"into": ""}, 404),
        ("a/rename", {"name": ""}, 409),
        ("a/rename", {"name": "\x00"}, 409),
        ("a/rename", {}, 400),
        ("a/rename", {"name": 7}, 400),
        ("a/split", {"versions": []}, 400),
        ("a/split", {"versions": [0]}, 400),
        ("a/split", {"versions": [10**40]}, 400),
        ("a/ignore", {"undo": "perhaps"}, 400),
        ("a/ignore", {"reason": "x" * 1001}, 400),
    ],
)
def test_what_cannot_be_ordered_is_said_and_not_written(two, api, path, body, code):
    answer = api.post(f"/api/tasks/{path}", json=body)
    assert answer.status_code == code, answer.text
    assert answer.json()["error"]["message"]
    assert two.control.task_orders() == []


def test_a_text_that_is_none_is_refused(two, api):
    for body in (b'{"reason": "\\ud83d"}', b'{"reason": "\\ud83d", "undo": true}'):
        answer = api.post("/api/tasks/a/ignore", content=body, headers={"content-type": "application/json"})
        assert answer.status_code == 400
    assert two.control.task_orders() == []
