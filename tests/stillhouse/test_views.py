"""What views say of calls: their task, a beginning of an id, how many were written."""

import json
from typing import Any

import pytest
from fastapi import FastAPI
from fastapi.testclient import TestClient
from pydantic import TypeAdapter
from test_house import stores  # noqa: F401 - the same house

from stillhouse.admin import ledger
from stillhouse.errors import Missing, Refused
from stillhouse.views import calls
from stillhouse.views.calls import Wish
from stillhouse.views.faces import Faces
from stillhouse.views.plain import plain
from store.ids import new_id
from store.log.load import Batch
from store.log.rows import kept as as_kept
from store.vocabulary import Answer, Attempt, Call, Role, Task, TaskVersion, Who

FIRST = "01a20482-05f7-7e03-8ab0-33738dac929d"
SECOND = "01a20482-05f7-7e03-8ab0-44738dac929d"
LATER = "01a20483-05f7-7e03-8ab0-33738dac929d"
NAMED = "01a20484-05f7-7e03-8ab0-33738dac929d"
BODY = b'{"model": "m", "messages": [{"role": "user", "content": "hello"}]}'


def when(call_id):
    return int(call_id.replace("-", "")[:12], 16) / 1000


@pytest.fixture
def kept(stores):  # noqa: F811 - pytest's way
    rows = {FIRST: ("f", None), SECOND: ("g", None), LATER: ("f", "named"), NAMED: ("h", "named")}
    made = [
        Call(call_id=key, ts=when(key), fingerprint=mark, task_name=name, body=BODY, model="m")
        for key, (mark, name) in rows.items()
    ]
    stores.log.loader.load(Batch(calls=[(call, "w") for call in made]))
    epoch = stores.control.take_epoch("test")
    stores.control.save_task(Task(task_id="t", name="T"), epoch)
    stores.control.save_version(
        TaskVersion(task_id="t", version=1, head_hash="h", fingerprints=("f",)), epoch
    )
    return stores


def test_a_call_shows_the_task_that_its_instructions_became(kept):
    shown = {row["call_id"]: row["task"] for row in calls.calls(kept, Wish())["rows"]}
    assert shown == {
        FIRST: "t",
        SECOND: None,
        LATER: "t",
        NAMED: "named",
    }  # not placed yet: as the app calls it


@pytest.mark.parametrize("start", [LATER, LATER[:8], LATER[:20], LATER.replace("-", "")[:14]])
def test_a_call_is_found_by_a_beginning_that_no_other_has(kept, start):
    assert calls.call(kept, start)["call"]["call_id"] == LATER


def test_a_beginning_of_several_calls_is_refused_with_their_number(kept):
    with pytest.raises(Missing, match="There are 2 calls"):
        calls.call(kept, FIRST[:13])
    assert calls.call(kept, FIRST[:26])["call"]["call_id"] == FIRST


def test_a_call_is_found_by_what_the_app_received(kept):
    said = {FIRST: "chatcmpl-1", SECOND: "chatcmpl/2", LATER: "chatcmpl-1"}
    attempts = [
        Attempt(
            attempt_id=new_id(), call_id=key, ts=when(key), role=Role.SERVE, who=Who.TEACHER, served=True, model="m",
            upstream="u",
        )
        for key in said
    ]  # fmt: skip
    answers = [Answer(completion={}, completion_id=said[attempt.call_id]) for attempt in attempts]
    kept.log.loader.load(Batch(attempts=list(map(as_kept, attempts, answers))))
    for name, meant, others in (
        ("chatcmpl-1", LATER, [FIRST]),
        ("chatcmpl/2", SECOND, []),
        (FIRST, FIRST, []),
    ):
        shown = calls.call(kept, name)
        assert (shown["call"]["call_id"], shown["same_completion_id"]) == (meant, others)


@pytest.mark.parametrize("start", ["", "01a2", "nothing", "01a20499", "%", LATER + "0"])
def test_no_call_is_said(kept, start):
    with pytest.raises(Missing, match="There is no call"):
        calls.call(kept, start)


@pytest.mark.parametrize(
    "value", [{"\ud83d": ["\ud83d"]}, b'{"\\ud83d": ["\\ud83d"]}', {"\\ud83d": ["\\ud83d"]}]
)
def test_what_no_utf8_can_say_is_shown_escaped(value):
    assert json.dumps(plain(value), ensure_ascii=False).encode() == b'{"\\\\ud83d": ["\\\\ud83d"]}'


def test_numbers_that_no_json_has_are_shown_as_none():
    assert plain(b'{"a": [NaN, 1e999, 1]}') == {"a": [None, None, 1]}


@pytest.mark.parametrize("depth", [400, 3_000])
def test_what_is_nested_too_deeply_is_shown_in_part_or_as_text(depth):
    shown = plain({"body": b"[" * depth + b"]" * depth})
    assert json.dumps(shown).count("[") in {199, depth}
    TypeAdapter(Any).dump_json(shown)


def test_an_export_counts_its_calls(kept, tmp_path):
    path = tmp_path / "calls.jsonl"
    written = Faces(kept).export(path, None)
    assert written == {"calls": len(path.read_text().splitlines()), "bytes": path.stat().st_size}
    assert written["calls"] > 0
    rows = {row["call_id"]: row for row in map(json.loads, path.read_text().splitlines())}
    tasks = {key: (row["task"], row["task_name"]) for key, row in rows.items()}
    assert tasks == {FIRST: ("t", None), SECOND: (None, None), LATER: ("t", "named"), NAMED: (None, "named")}


@pytest.mark.parametrize("name", ["log.duckdb", "control.sqlite", "STOP", "run/calls.jsonl"])
def test_no_export_is_written_over_a_file_of_the_data_folder(kept, name):
    target = kept.folder.root / name
    before = target.read_bytes() if target.exists() else None
    app = FastAPI()
    ledger.mount(app, kept, None)
    asked = TestClient(app)
    for export in (Faces(kept).export, lambda to: asked.get("/api/export", params={"to": str(to)})):
        with pytest.raises(Refused, match="is one of Stillhouse's own; name another file"):
            export(target)
    assert (target.read_bytes() if target.exists() else None) == before
    assert kept.control.copies() == []
