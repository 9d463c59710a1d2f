"""The worker's journal: what it says of itself while records are lost, and how that reaches the doctor."""

import json

import pytest

from stillhouse.journal import LateJournal
from stillhouse.processes import alive
from stillhouse.processes.alive import Figures, Voice
from stillhouse.settings.tree import Settings
from stillhouse.settings.upkeep import Journal
from stillhouse.views.doctor import examine
from stillhouse.views.stores import Stores
from stillhouse.worker import Health
from store.control import Control
from store.errors import JournalFull
from store.ids import new_id
from store.journal.counts import Counts
from store.log import Log
from store.paths import DataFolder
from store.vocabulary import Attempt, Call, Role, Who


def call(size=10):
    return Call(call_id=new_id(), ts=1.0, body=b"x" * size)


def attempt(size):
    return Attempt(
        attempt_id=new_id(),
        call_id=new_id(),
        ts=1.0,
        role=Role.SERVE,
        who=Who.TEACHER,
        served=True,
        model="m",
        upstream="u",
        body=b"x" * size,
    )


def journal(folder, **given):
    return LateJournal(folder, "w0", Settings(journal=Journal(**given)))


class Routes:
    state = "fresh"


def said(late):
    return Health(late, Routes()).readiness().detail["journal"]


def test_readiness_follows_the_last_record(tmp_path):
    late = journal(tmp_path, max_bytes=262_144)
    assert (said(late), late.lost.total) == ("ok", 0)
    assert late.append(call())
    assert not late.append(call(400_000))
    assert (said(late), late.lost.total) == ("full", 1)
    assert late.append(call())
    assert (said(late), late.lost.total) == ("ok", 1)
    late.close()


def test_a_call_that_was_refused_is_not_lost_but_an_answer_is(tmp_path):
    late = journal(tmp_path, max_bytes=262_144, on_full="refuse")
    for record, lost in ((call(400_000), 0), (attempt(400_000), 1)):
        with pytest.raises(JournalFull):
            late.append(record)
        assert (said(late), late.lost.total) == ("full", lost)
    late.close()


def test_a_journal_that_cannot_be_opened_counts_and_is_opened_later(tmp_path):
    place = tmp_path / "journal"
    place.write_text("in the way")
    late = journal(place)
    assert [late.append(call()), late.append(call())] == [False, False]
    assert (said(late), late.lost.total) == ("full", 2)
    place.unlink()
    late._next = 0.0
    assert late.append(call())
    assert (said(late), late.lost.total) == ("ok", 2)
    late.close()


def losing(count):
    return Figures(lost=Counts(attempts=count))


class Clock:
    now = 100.0

    def __call__(self):
        return self.now


def test_losses_are_said_at_most_once_a_second_and_add_up_over_lives(tmp_path):
    clock = Clock()
    voice = Voice(tmp_path, "worker-0", clock)
    voice.say(losing(0))
    voice.say(losing(3))
    assert alive.lost(tmp_path) == 0
    voice.say(losing(3), stopped=True)
    assert alive.lost(tmp_path) == 3, "STOP is said at once"
    clock.now += 1.0
    voice.say(losing(5), stopped=True)
    voice.say(losing(6), stopped=True, last=True)
    Voice(tmp_path, "worker-0", clock).say(losing(1))
    Voice(tmp_path, "control", clock).say(losing(1))
    assert alive.lost(tmp_path) == 8
    assert [state.name for state in alive.workers(tmp_path)] == ["worker-0"]


def test_an_older_workers_file_is_understood(tmp_path):
    (tmp_path / "worker-0.json").write_text(json.dumps({"name": "worker-0", "pid": 1, "stopped": True}))
    assert alive.lost(tmp_path) == 0
    assert alive.workers(tmp_path)[0].stopped


def test_a_voice_survives_a_folder_that_takes_nothing(tmp_path, caplog):
    voice = Voice(tmp_path / "none", "worker-0", Clock())
    voice.say(losing(1))
    voice.say(losing(1))
    assert caplog.text.count("cannot be written") == 1
    (tmp_path / "none").mkdir()
    voice.say(losing(1))
    assert alive.lost(tmp_path / "none") == 1


def test_the_doctor_tells_of_lost_records_and_of_those_set_aside(tmp_path):
    folder = DataFolder(tmp_path).create()
    upstream = {"name": "none", "base_url": "http://127.0.0.1:9/v1"}
    settings = Settings.model_validate({"data": tmp_path, "upstreams": [upstream]})
    log, control = Log.open(folder.log), Control.open(folder.control)
    stores = Stores(log=log, control=control, folder=folder, settings=settings, live=True)

    def found():
        return {finding["name"]: finding for finding in examine(settings, stores)}

    assert {found()[name]["level"] for name in ("records lost", "records set aside", "prices")} == {"ok"}
    Voice(folder.run, "worker-0").say(losing(7))
    (folder.journal / "rejected").mkdir()
    (folder.journal / "rejected" / "w0-1.frame").write_bytes(b"x")
    assert found()["records lost"]["text"].startswith("7 records")
    assert found()["records set aside"]["level"] == "warning"
    log.close()
    control.close()
