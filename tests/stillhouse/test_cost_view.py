"""What a task costs and saves, read from a real log."""

import json
import time
from dataclasses import replace

import pytest
from rich.console import Console
from test_house import stores  # noqa: F401 - the same house

from stillhouse.cli.draw_cost import cost as drawn
from stillhouse.errors import Missing
from stillhouse.views.faces import Faces
from store.ids import new_id
from store.log.load import Batch
from store.log.rows import kept
from store.vocabulary import (
    Answer,
    Attempt,
    Call,
    Origin,
    Role,
    Student,
    Task,
    TaskVersion,
    Who,
)


def call(number, **fields):
    request = {
        "model": "m",
        "messages": [{"role": "system", "content": "Be."}, {"role": "user", "content": f"thing {number}"}],
    }
    given = {"fingerprint": "f", "unit": f"u{number}", "body": json.dumps(request).encode(), "model": "m"}
    return Call(**{"call_id": new_id(), "ts": time.time(), **given, **fields})


def attempt(of, role, who, usd):
    message = {"role": "assistant", "content": "red"}
    made = Attempt(
        attempt_id=new_id(), call_id=of.call_id, ts=of.ts, role=role, who=who, served=role is Role.SERVE,
        model="m", upstream="u", status=200,
    )  # fmt: skip
    return kept(made, Answer(completion={"choices": [{"message": message, "finish_reason": "stop"}]}), usd)


@pytest.fixture
def spent(stores):  # noqa: F811 - pytest's way
    asked = [call(n) for n in range(30)]
    attempts = [attempt(one, Role.SERVE, Who.TEACHER, 0.02) for one in asked[:20]]
    attempts += [attempt(one, Role.SERVE, Who.STUDENT, 0.0) for one in asked[20:]]
    attempts += [attempt(one, Role.SHADOW, Who.STUDENT, 0.0) for one in asked[:5]]
    attempts += [attempt(one, Role.REVERSE_SHADOW, Who.TEACHER, 0.02) for one in asked[20:22]]
    inner = call(99, origin=Origin.INTERNAL, fingerprint="", tenant="j")
    attempts.append(attempt(inner, Role.SERVE, Who.TEACHER, 0.03))
    stores.log.loader.load(Batch(calls=[(one, "w") for one in [*asked, inner]], attempts=attempts))
    epoch = stores.control.take_epoch("test")
    stores.control.save_task(Task(task_id="t", name="T"), epoch)
    stores.control.save_version(
        TaskVersion(task_id="t", version=1, head_hash="h", fingerprints=("f",)), epoch
    )
    student = Student(
        student_id="s", task_id="t", task_version=1, recipe="finetune", base="b", trainset_id="x",
        created=time.time() - 86_400, training={"wall_s": 1800.0, "tokens_per_s": 300.0, "usd": 0.05},
    )  # fmt: skip
    stores.control.save_student(student, epoch)
    own = stores.settings.model_copy(
        update={"student": stores.settings.student.model_copy(update={"usd_per_hour": 0.1})}
    )
    return replace(stores, settings=own)


def test_savings_are_of_the_log_and_net_of_pairs_and_training(spent):
    found = Faces(spent).cost("t")["savings"]
    assert (round(found["teacher_usd"], 6), found["student_usd"], found["answered"]) == (0.02, 0.0, 10)
    assert round(found["gross_usd"], 6) == 0.2
    assert round(found["pairs_usd"], 6) == 0.04
    assert round(found["training_usd"], 6) == 0.1  # half an hour of this machine, and what a service billed
    assert round(found["net_usd"], 6) == 0.06
    assert found["break_even_days"] == 0


def test_the_next_climb_is_estimated_from_what_was_logged(spent):
    told = Faces(spent).cost("t")["estimate"]
    assert told["seconds"] > 0
    assert told["usd"] < told["max_usd"]
    console = Console(width=100, record=True)
    drawn(console, Faces(spent).cost("t"))
    text = console.export_text()
    assert "saved net so far" in text
    assert "The next distillation takes at most" in text


def test_advice_is_read_from_the_stores(spent):
    found = Faces(spent).advice("t")
    assert ("not ready", "note") in {(one["name"], one["level"]) for one in found}
    assert any("30 of 500" in one["text"] or "20 of 500" in one["text"] for one in found)


def test_an_unknown_task_is_missing(spent):
    with pytest.raises(Missing):
        Faces(spent).advice("nobody")
    with pytest.raises(Missing):
        Faces(spent).cost("nobody")
