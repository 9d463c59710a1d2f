"""Children: started again with patience, stopped by their pipe, never waited for without end."""

import sys
import time

import pytest
from housekit import until
from hypothesis import given
from hypothesis import strategies as st

from stillhouse.processes import backoff
from stillhouse.processes.child import Child, Spec, write_atomic
from stillhouse.processes.lock import FileLock
from stillhouse.serving import StudentServers
from store.control import Control
from store.paths import DataFolder
from store.vocabulary import Server


@given(st.integers(0, 10_000))
def test_the_wait_grows_and_is_bounded(failures):
    assert backoff.FIRST_S <= backoff.delay(failures) <= backoff.delay(failures + 1) <= backoff.LONGEST_S


def test_a_long_life_forgives():
    assert backoff.failures_after(9, backoff.SETTLED_S) == 1
    assert backoff.failures_after(9, 1.0) == 10


def child(folder, code, name="thing"):
    spec = Spec(
        name=name,
        argv=(sys.executable, "-c", code),
        pid_file=folder / f"{name}.pid",
        log_file=folder / f"{name}.log",
    )
    return Child(spec, time.monotonic)


def test_a_child_is_started_again_and_its_words_are_kept(tmp_path, capfd):
    thing = child(tmp_path, "print('a word', flush=True); raise SystemExit(3)")
    codes = []

    def ended_twice():
        code = thing.tick()
        codes.extend([] if code is None else [code])
        return len(codes) == 2

    until(ended_twice, "two ends")
    assert codes == [3, 3]
    assert thing.last_line == "a word"
    assert (tmp_path / "thing.log").read_text() == "a word\na word\n"
    assert "a word" in capfd.readouterr().err
    assert not (tmp_path / "thing.pid").exists()


def test_a_child_stops_when_its_pipe_closes_and_is_killed_when_it_does_not(tmp_path):
    polite = child(tmp_path, "import sys; sys.stdin.read()", "polite")
    deaf = child(tmp_path, "import time; time.sleep(600)", "deaf")
    for one in (polite, deaf):
        one.tick()
        assert (tmp_path / f"{one.spec.name}.pid").read_text() == str(one.pid)
        one.ask_to_stop()
    polite.finish(20)
    deaf.finish(0.1)
    assert polite.pid is None
    assert deaf.pid is None


def test_a_child_that_the_system_refuses_is_tried_again(tmp_path, caplog):
    clock = [0.0]
    spec = Spec(
        name="thing",
        argv=(str(tmp_path / "none"),),
        pid_file=tmp_path / "thing.pid",
        log_file=tmp_path / "thing.log",
    )
    thing = Child(spec, lambda: clock[0])
    assert thing.tick() is None
    assert thing.tick() is None
    assert caplog.text.count("cannot be started") == 1, "it waits before it tries again"
    clock[0] += backoff.FIRST_S
    thing.tick()
    assert caplog.text.count("cannot be started") == 2
    thing.ask_to_stop()
    thing.finish(0.1)


def test_a_child_never_waits_for_a_log_that_cannot_be_written(tmp_path):
    (tmp_path / "thing.log").mkdir()
    (tmp_path / "thing.pid").mkdir()
    thing = child(tmp_path, "print('word\\n' * 100_000); raise SystemExit(3)")
    assert until(thing.tick, "its end") == 3


def test_a_small_file_is_private_and_a_failed_one_leaves_nothing(tmp_path):
    write_atomic(tmp_path / "a", "text")
    assert ((tmp_path / "a").read_text(), (tmp_path / "a").stat().st_mode & 0o777) == ("text", 0o600)
    (tmp_path / "b").mkdir()
    with pytest.raises(OSError, match="directory"):
        write_atomic(tmp_path / "b", "text")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a", "b"]


def test_a_lock_is_held_once_and_ends_with_its_holder(tmp_path):
    one, other = FileLock(tmp_path / "a.lock"), FileLock(tmp_path / "a.lock")
    assert one.try_take()
    assert not other.try_take()
    one.release()
    assert other.try_take()
    other.release()


def test_student_servers_follow_the_control_state(tmp_path):
    folder = DataFolder(tmp_path).create()
    made = []

    def make(name, module, *arguments):
        made.append((name, module, arguments))
        return child(tmp_path, "import sys; sys.stdin.read()", name)

    servers = StudentServers(folder, make)
    servers.tick()
    assert not folder.control.exists()  # the supervisor never makes it

    control = Control.open(folder.control)
    epoch = control.take_epoch("test")
    control.save_server(Server(student_id="s1", port=5001, weights="/x.gguf"), epoch)

    def seen():
        servers.tick()
        return control.servers()[0].pid

    pid = until(seen, "the pid of the student's server")
    assert made[0][:2] == ("student-s1", "distiller.serving.process")
    assert (tmp_path / "student-s1.pid").read_text() == str(pid)

    control.save_server(Server(student_id="s1", port=5001, weights="/x.gguf", wanted=False), epoch)

    def gone():
        servers.tick()
        return control.servers()[0].pid is None

    until(gone, "the end of the student's server")
    assert servers.children() == []
    control.close()
    servers.close()


def test_student_servers_survive_a_broken_control_state(tmp_path):
    folder = DataFolder(tmp_path).create()
    folder.control.write_text("this is no database")
    servers = StudentServers(folder, lambda *_: None)
    servers.tick()
    assert servers.children() == []
    servers.close()
