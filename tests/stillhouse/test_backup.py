"""Backups: of a folder at rest, of a running house, and what becomes of them."""

import json
import stat
import threading
import time
from contextlib import closing

import httpx
import pytest
import yaml
from erasurekit import MARK, OTHER, SUBJECT, ask, bytes_with, carry_out, fill
from housekit import Handler, Teacher, Up, cli, free_port, until

from stillhouse.backup import make, restore
from stillhouse.client import AdminClient
from stillhouse.errors import Refused, StillhouseError
from store.artifacts import Artifacts
from store.control import Control
from store.errors import StoreError
from store.log import Log, Subject
from store.paths import DataFolder
from store.vocabulary import Server


@pytest.fixture
def planted(tmp_path):
    return fill(tmp_path / "data", calls=12)


def back_up(planted, target, now=time.time):
    folder = planted.folder
    with closing(Log.open(folder.log)) as log, closing(Control.open(folder.control)) as control:
        return make(folder, log, control, target, now)


def copies(planted):
    with closing(Control.open(planted.folder.control)) as control:
        return [copy.path for copy in control.copies() if copy.kind == "backup"]


def calls_of(root, user):
    with closing(Log.open(DataFolder(root).log)) as log:
        return [log.call(call) for call in log.subject(Subject(kind="user", value=user))]


def test_a_backup_becomes_a_data_folder_like_the_one_it_was_made_of(planted, tmp_path):
    folder = planted.folder
    with closing(Control.open(folder.control)) as control:
        gguf = str(folder.artifacts / "students" / "student-1" / "student.gguf")
        control.save_server(
            Server(student_id="student-1", port=1, weights=gguf, pid=4242), control.take_epoch("x")
        )
    made = back_up(planted, tmp_path / "backup")
    assert {"control.sqlite", "log.duckdb", "salt"} <= set(made.files)
    assert "/backups/monday" in copies(planted)
    assert str(tmp_path / "backup") in copies(planted)
    assert stat.S_IMODE((tmp_path / "backup").stat().st_mode) == 0o700
    assert not (tmp_path / "backup" / "admin.token").exists()

    root = tmp_path / "new"
    root.mkdir()
    done = restore(tmp_path / "backup", root, None, time.time)
    assert (done.repeated, done.manifest) == (0, made)
    fresh = DataFolder(root)
    assert fresh.salt() == folder.salt()
    for user in (SUBJECT, OTHER):
        assert calls_of(root, user) == calls_of(folder.root, user)
        assert len(calls_of(root, user)) == len(planted.calls[user])
    hashed = [Artifacts(place.artifacts).sha256(place.artifacts) for place in (folder, fresh)]
    assert hashed[0] == hashed[1]
    trainset = fresh.artifacts / "trainsets" / planted.trainset_id
    assert stat.S_IMODE(trainset.stat().st_mode) == 0o500
    assert stat.S_IMODE((trainset / "train.jsonl").stat().st_mode) == 0o400
    with closing(Control.open(fresh.control)) as control:
        (server,) = control.servers()
        assert server.weights == str(fresh.artifacts / "students" / "student-1" / "student.gguf")
        assert server.pid is None
        assert control.students()[0].student_id == "student-1"


def test_a_backup_that_may_not_be_made_leaves_nothing(planted, tmp_path, monkeypatch):
    full = tmp_path / "full"
    full.mkdir()
    (full / "file").write_text("mine")
    left = tmp_path / ".late.part"
    left.mkdir()
    for target, why in (
        (full, "is not empty"),
        (planted.folder.root / "inside", "lies in the data folder"),
        (tmp_path / "late", "left by a run that was killed"),
    ):
        with pytest.raises(Refused, match=why):
            back_up(planted, target)

    def fails(self, folder):
        (folder / "half").write_text("half")
        raise StoreError("no room")

    monkeypatch.setattr(Log, "backup", fails)
    with pytest.raises(StoreError):
        back_up(planted, tmp_path / "failed")
    assert sorted(path.name for path in tmp_path.iterdir()) == [
        ".late.part",
        "data",
        "elsewhere.jsonl",
        "full",
    ]
    assert copies(planted) == ["/backups/monday"]


def damage(folder, how):
    described = json.loads((folder / "manifest.json").read_text())
    if how == "flipped":
        data = bytearray((folder / "log.duckdb").read_bytes())
        data[len(data) // 2] ^= 1
        (folder / "log.duckdb").write_bytes(data)
    elif how == "missing":
        (folder / "salt").unlink()
    elif how == "outside":
        described["files"]["../data/salt"] = described["files"]["salt"]
    elif how == "later":
        described["format"] = 2
    elif how == "no manifest":
        (folder / "manifest.json").unlink()
        return
    (folder / "manifest.json").write_text(json.dumps(described))


@pytest.mark.parametrize(
    ("how", "why"),
    [
        ("flipped", "log.duckdb .* is not what was written"),
        ("missing", "salt is missing"),
        ("outside", "outside of it"),
        ("later", "another version"),
        ("no manifest", "There is no backup"),
    ],
)
def test_a_backup_that_is_not_what_was_written_fills_nothing(planted, tmp_path, how, why):
    back_up(planted, tmp_path / "backup")
    damage(tmp_path / "backup", how)
    with pytest.raises(Refused, match=why):
        restore(tmp_path / "backup", tmp_path / "new", None, time.time)
    assert not (tmp_path / "new").exists()
    assert not (tmp_path / ".new.restoring").exists()
    with pytest.raises(Refused, match="is not empty"):
        restore(tmp_path / "backup", planted.folder.root, None, time.time)


def test_what_was_erased_since_is_erased_again_and_what_was_before_is_not(planted, tmp_path):
    folder = planted.folder
    assert carry_out(folder, ask(planted, "user", "nobody-of-ours").erasure_id).finished
    back_up(planted, tmp_path / "backup")
    early = tmp_path / "early"
    back_up(planted, early, now=lambda: time.time() + 3600)  # of after the erasure that follows
    ended = carry_out(folder, ask(planted).erasure_id)
    assert ended.phase == "done"

    plain = tmp_path / "plain"
    assert restore(tmp_path / "backup", plain, None, time.time).repeated == 0
    assert bytes_with(plain, SUBJECT, MARK)
    clean = tmp_path / "clean"
    assert restore(tmp_path / "backup", clean, folder.root, time.time).repeated == 1
    assert bytes_with(clean, SUBJECT) == []
    assert calls_of(clean, SUBJECT) == []
    assert calls_of(clean, OTHER) == calls_of(folder.root, OTHER)
    with closing(Control.open(DataFolder(clean).control)) as control:
        again = control.erasure(ended.erasure_id)
        assert (again.phase, again.asked) == ("done", ended.asked)
        assert again.report["log"]["calls"] == len(planted.calls[SUBJECT])
    assert restore(early, tmp_path / "later", folder.root, time.time).repeated == 0

    strange = fill(tmp_path / "strange" / "data", calls=3)
    with pytest.raises(Refused, match="of another house"):
        restore(tmp_path / "backup", tmp_path / "never", strange.folder.root, time.time)


def test_an_erasure_that_was_asked_while_a_backup_was_made_is_ended_there(planted, tmp_path):
    erasure = ask(planted)
    back_up(planted, tmp_path / "backup")
    restore(tmp_path / "backup", tmp_path / "new", planted.folder.root, time.time)
    with closing(Control.open(tmp_path / "new" / "control.sqlite")) as control:
        ended = control.erasure(erasure.erasure_id)
        assert ended.phase == "incomplete"
        assert "ask again" in ended.report["sentence"]


class Slow(Handler):
    def do_POST(self):  # noqa: N802 - the base's name
        time.sleep(self.server.delay)
        super().do_POST()


@pytest.fixture
def teacher():
    server = Teacher()
    server.RequestHandlerClass, server.delay = Slow, 0.0
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
    thread.start()
    yield server
    server.shutdown()
    thread.join()
    server.server_close()


def call(house, user):
    body = {"model": "gpt-4o-mini", "user": user, "messages": [{"role": "user", "content": "hello"}]}
    headers = {"authorization": "Bearer sk-any"}
    return httpx.post(
        f"{house.base_url}/chat/completions", json=body, headers=headers, timeout=30, trust_env=False
    )


def rows(house, **wish):
    with AdminClient(house.data) as client:
        return client.calls(limit=5000, **wish)["rows"]


def restored_house(house, tmp_path):
    """A house on other ports, whose data folder is still to be filled."""
    place = tmp_path / "restored"
    place.mkdir()
    other = Up(
        folder=place,
        config=place / "stillhouse.yaml",
        gateway_port=free_port(),
        control_port=free_port(),
    )
    settings = yaml.safe_load(house.config.read_text())
    changed = {
        "data": str(other.data),
        "gateway": {"port": other.gateway_port, "workers": 1},
        "control": {"port": other.control_port},
    }
    other.config.write_text(yaml.safe_dump({**settings, **changed}))
    return other


def test_a_running_house_is_copied_under_load_and_goes_on_elsewhere(house, teacher, tmp_path):
    house.start()
    stop, answered = threading.Event(), []

    def load():
        while not stop.is_set():
            answered.append(call(house, "loader").status_code)

    loader = threading.Thread(target=load)
    loader.start()
    until(lambda: len(rows(house)) >= 20, "some calls in the log")
    teacher.delay = 4.0
    slow = threading.Thread(target=call, args=(house, "slow"))
    slow.start()
    until(lambda: rows(house, outcome="open"), "a call that is open")
    backup = tmp_path / "backup"
    ended = {row["call_id"] for row in rows(house) if row["outcome"]}
    told = house.look("backup", str(backup))
    assert told["files"] >= 3
    teacher.delay = 0.0
    refused = house.cli("backup", str(backup))
    assert refused.returncode == 1
    assert "is not empty" in refused.stderr
    stop.set()
    loader.join()
    slow.join()
    assert set(answered) == {200}
    with AdminClient(house.data) as client:
        client.erase(user="nobody-at-all")
        with pytest.raises(Refused, match="An erasure is under way"):
            client.backup(tmp_path / "another")
    originals = {row["call_id"]: row for row in rows(house)}
    assert house.stop() == 0

    other = restored_house(house, tmp_path)
    done = cli("restore", str(backup), "--data", str(other.data), "--json")
    assert done.returncode == 0, done.stderr
    other.start()
    try:
        until(lambda: not rows(other, outcome="open"), "every open call closed")
        found = rows(other)
        ids = [row["call_id"] for row in found]
        assert len(ids) == len(set(ids)) >= 20
        assert set(ids) <= set(originals)
        lost = {row["call_id"] for row in found if row["outcome"] == "lost"}
        assert lost
        assert not lost & ended  # what had ended before the backup began is whole in it
        same = ("ts", "seq", "model", "tenant", "fingerprint")
        for row in found:
            assert [row[name] for name in same] == [originals[row["call_id"]][name] for name in same]
        assert call(other, "afterwards").status_code == 200
        until(lambda: len(rows(other)) == len(found) + 1, "a new call in the restored log")
    finally:
        assert other.stop() == 0


def test_a_backup_on_a_disk_that_refuses_is_one_sentence(planted, tmp_path):
    closed = tmp_path / "closed"
    closed.write_text("a file, no folder")
    with pytest.raises(StillhouseError, match="cannot be written: Not a directory"):
        back_up(planted, closed / "backup")
    assert copies(planted) == ["/backups/monday"]
