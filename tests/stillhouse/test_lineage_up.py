"""A whole house: published templates name calls and imports alike, and the verbs set the tasks right."""

import json

from housekit import until
from openai import OpenAI

from store import opening
from store.control import Control
from store.paths import DataFolder
from store.template import Run, Template
from store.wording import words

BEFORE, AFTER = "You answer the mails of", "and you write to her as briefly as you can."
OTHER = "Translate what the customer wrote into plain English, and keep names as they are."
MODEL = "gpt-4o-mini"


def messages(system):
    return [{"role": "system", "content": system}, {"role": "user", "content": "hi"}]


def asked_of(name):
    return messages(f"{BEFORE} {name} {AFTER}")


def published(data):
    """Publish a template as a leader would, before this house has one."""
    scope = opening.read({"model": MODEL, "messages": asked_of("Anna")}, "").scope
    runs = (Run(words=words(BEFORE)), Run(words=words(AFTER), gap=True))
    template = Template(template_id=opening.name_in(scope, "t"), scope=scope, runs=runs)
    control = Control.open(DataFolder(data).create().control)
    control.publish_templates([template], control.take_epoch("test"))
    control.close()
    return template.template_id


def prints(house):
    return [house.look("calls", row["call_id"])["call"]["fingerprint"] for row in calls(house)]


def calls(house):
    return house.look("calls")["rows"]


def task_ids(house, *more):
    return sorted(row["task_id"] for row in house.look("tasks", *more))


def test_calls_and_imports_are_named_by_templates_and_operators_set_tasks_right(house):
    name = published(house.data)
    house.start()
    with OpenAI(base_url=house.base_url, api_key="sk-x", max_retries=0) as app:
        for system in (asked_of("Anna"), asked_of("Bob Stone"), messages(OTHER)):
            app.chat.completions.create(model=MODEL, messages=system)
    file = house.folder / "before.jsonl"
    file.write_text(json.dumps({"messages": [*asked_of("Carla"), {"role": "assistant", "content": "ok"}]}))
    brought = house.cli("import", "chat", str(file), "--model", MODEL)
    assert brought.returncode == 0, brought.stderr
    until(lambda: len(calls(house)) == 4, "four calls in the log")
    assert sorted(prints(house)).count(name) == 3
    until(lambda: len(task_ids(house)) == 2, "two tasks")
    mails, other = sorted(house.look("tasks"), key=lambda row: -row["calls"])

    done = house.cli("task", "rename", mails["task_id"], "Anna's mails", "--reason", "easier")
    assert done.stdout.startswith("done: "), done.stderr
    done = house.cli("task", "merge", other["task_id"], mails["task_id"])
    assert done.stdout.strip().endswith(f"of its versions 1 is 2 of {mails['task_id']}."), done.stderr
    assert task_ids(house) == [mails["task_id"]]
    assert task_ids(house, "--all") == sorted((mails["task_id"], other["task_id"]))
    again = house.cli("task", "merge", other["task_id"], mails["task_id"])
    assert (again.returncode, again.stdout) == (1, "")
    assert "was merged into" in again.stderr

    split = house.look("task", "split", mails["task_id"], "2", "--name", "Plain")
    assert split["other"] == "plain"
    ignored = house.cli("task", "ignore", "plain")
    assert "its calls are logged as before" in ignored.stdout
    with OpenAI(base_url=house.base_url, api_key="sk-x", max_retries=0) as app:
        app.chat.completions.create(model=MODEL, messages=messages(OTHER))
    until(lambda: house.look("tasks", "plain")["calls"] == 2, "an ignored task's call in the log")
    assert "is ignored" in house.cli("distill", "plain", "--anyway").stderr
    house.look("task", "ignore", "plain", "--undo")
    assert task_ids(house) == sorted((mails["task_id"], "plain"))

    story = [line["sentence"] for line in house.look("explain", mails["task_id"])["story"]]
    assert [line.split()[2] for line in story if line.startswith("operator said")] == [
        *("rename", "merge", "merge", "split"),
    ]
    assert house.stop() == 0
    assert house.look("tasks", mails["task_id"])["history"][0]["sentence"].count("because: easier") == 1
