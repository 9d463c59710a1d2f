"""When a segment rolls and a tally is due, what a tally says, and what a slow or failing disk does to it."""

import asyncio
import errno
import os
import threading
import time
from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st
from storebuild import attempt, call, rolled
from test_writer import everything, read

from store.errors import JournalFull, StoreError
from store.ids import new_id
from store.journal import frame
from store.journal import writer as writing
from store.journal.counts import Counts
from store.journal.pace import Pace
from store.journal.segment import Segment, names
from store.journal.writer import SegmentWriter
from store.vocabulary import Feedback, Tally

moves = st.lists(
    st.tuples(st.sampled_from(["frame", "count", "tend"]), st.floats(0, 40, allow_nan=False)), max_size=40
)


@given(moves)
def test_no_frame_waits_longer_than_it_may_and_no_count_either(steps):
    """A thread that tends whenever `wait_s` says so rolls and tallies in time, and never without need."""
    pace, now = Pace(roll_s=30.0, tally_s=10.0), 0.0
    framed = counted = None
    for move, gone in steps:
        until = now + gone
        while (wait := pace.wait_s(now)) is not None and now + wait <= until:
            now += wait
            assert pace.roll_due(now) or pace.tally_due(now), "woken for nothing"
            if pace.tally_due(now):
                assert counted is not None
                assert now - counted <= 10.0 + 1e-6
                pace.tallied()
                counted = None
            if pace.roll_due(now):
                assert framed is not None
                assert now - framed <= 30.0 + 1e-6
                pace.rolled()
                framed = None
        now = until
        if move == "frame":
            pace.framed(now)
            framed = now if framed is None else framed
        elif move == "count":
            pace.counted(now)
            counted = now if counted is None else counted
    assert pace.changed == (counted is not None)
    assert (pace.wait_s(now) is None) == (framed is None and counted is None)


def test_what_could_not_be_done_is_tried_again_later():
    pace = Pace(roll_s=30.0, tally_s=10.0)
    pace.framed(0.0)
    pace.counted(0.0)
    pace.put_off_roll(30.0)
    pace.put_off_tally(30.0)
    assert not pace.roll_due(59.0)
    assert pace.roll_due(60.0)
    assert pace.wait_s(30.0) == 10.0
    empty = Pace(roll_s=1.0, tally_s=1.0)
    empty.put_off_roll(5.0)
    empty.put_off_tally(5.0)
    assert empty.wait_s(5.0) is None


class Clock:
    """A steady clock that a test moves. The writer's thread looks at it whenever it wakes."""

    def __init__(self):
        self.now = 1000.0

    def __call__(self):
        return self.now


def eventually(true):
    deadline = time.monotonic() + 10
    while not true():
        assert time.monotonic() < deadline
        time.sleep(0.001)


def tallies(folder):
    return [record for record in everything(folder) if isinstance(record, Tally)]


def fates(said):
    return tuple(
        getattr(said, f"{kind}_{fate}")
        for kind in ("calls", "attempts", "feedback")
        for fate in ("kept", "lost")
    )


def wake(writer):
    with writer._lock:
        writer._work.notify()


def test_an_idle_segment_is_rolled_and_ends_with_a_tally(tmp_path):
    clock = Clock()
    writer = SegmentWriter(tmp_path, "w0", clock=clock, tally_s=1e6)
    one = call()
    writer.append(one)
    writer.append(attempt(one))
    clock.now += 29.0
    wake(writer)
    assert writer.stats.segments == 1
    clock.now += 1.0
    wake(writer)
    eventually(lambda: writer.stats.segments == 2)
    clock.now += 1000.0
    wake(writer)
    writer.close()
    assert writer.stats.segments == 2, "an empty segment stays"
    [said] = tallies(tmp_path)
    assert isinstance(everything(tmp_path)[-1], Tally)
    assert fates(said) == (1, 0, 1, 0, 0, 0)
    assert said.writer == writer.instance
    assert all(name.startswith(writer.instance) for name in names(tmp_path))


def test_tallies_follow_changes_only(tmp_path):
    clock = Clock()
    writer = SegmentWriter(tmp_path, "w0", clock=clock, roll_s=1e6)
    for _ in range(3):
        writer.append(call())
        clock.now += 10.0
        wake(writer)
        eventually(lambda: not writer._pace.changed)
        clock.now += 100.0
        wake(writer)
    writer.close()
    assert [said.calls_kept for said in tallies(tmp_path)] == [1, 2, 3]
    assert SegmentWriter(tmp_path, "w1").close() is None
    assert len(tallies(tmp_path)) == 3, "who was asked for nothing says nothing"


def test_what_was_lost_before_it_was_opened_is_in_its_first_tally(tmp_path):
    writer = SegmentWriter(tmp_path, "w0", lost=Counts(calls=2, attempts=1))
    writer.close()
    assert [fates(said) for said in tallies(tmp_path)] == [(0, 2, 0, 1, 0, 0)]


records = st.lists(st.tuples(st.sampled_from("caf"), st.integers(0, 3_000)), max_size=60)


@given(records, st.integers(2_000, 40_000), st.sampled_from(["serve", "refuse"]))
def test_asked_is_kept_and_lost_whatever_fits(tmp_path_factory, wanted, room, on_full):
    folder = tmp_path_factory.mktemp("journal")
    writer = SegmentWriter(folder, "w0", max_bytes=room, on_full=on_full)
    asked, kept, refused = Counter(), [], 0
    for kind, size in wanted:
        one = call(body=b"x" * size)
        feedback = Feedback(feedback_id=new_id(), ts=1.0, target="x", comment="x" * size)
        record = {"c": one, "a": attempt(one, body=b"x" * size), "f": feedback}[kind]
        try:
            if writer.append(record):
                kept.append(record)
        except JournalFull:
            assert on_full == "refuse"
            if kind == "c":
                refused += 1
                continue
        asked[kind] += 1
    writer.close()
    stats = writer.stats
    assert stats.kept.total == len(kept)
    assert stats.kept.total + stats.lost.total == sum(asked.values())
    assert [stats.kept.calls + stats.lost.calls, stats.kept.attempts + stats.lost.attempts] == [
        asked["c"],
        asked["a"],
    ]
    assert read(folder) == kept
    for said in tallies(folder)[-1:]:
        assert sum(fates(said)[::2]) <= stats.kept.total
    assert sum(path.stat().st_size for path in folder.iterdir()) <= room + 64 * stats.segments


@pytest.fixture
def stuck(monkeypatch):
    """A disk that takes nothing until `free` is set; `entered` says that somebody waits for it."""

    class Disk:
        free, entered = threading.Event(), threading.Event()

    sync = Segment.sync

    def hang(segment):
        Disk.entered.set()
        assert Disk.free.wait(20)
        sync(segment)

    monkeypatch.setattr(Segment, "sync", hang)
    yield Disk
    Disk.free.set()


def test_a_disk_that_hangs_blocks_nobody_and_holds_up_no_more_than_its_bound(tmp_path, stuck):
    writer = SegmentWriter(tmp_path, "w0", max_unsynced=64_000, segment_bytes=10_000)
    first = call()
    assert writer.append(first)
    assert stuck.entered.wait(10)
    kept = [first]
    while writer.append(made := call(body=b"x" * 1_000)):
        kept.append(made)
    assert writer.unsynced <= 64_000 * 7 / 8
    assert writer.append(attempt(first)), "the outcomes of accepted calls still fit"
    assert writer.stats.segments == 1, "nobody but the thread makes a file"
    lost = writer.stats.lost.calls
    stuck.free.set()
    eventually(lambda: writer.unsynced == 0)
    assert writer.append(call())
    writer.close()
    assert lost == 1
    assert len(read(tmp_path)) == len(kept) + 2
    assert fates(tallies(tmp_path)[-1])[:2] == (len(kept) + 1, 1)


def test_the_largest_call_and_answer_fit_beside_others(tmp_path, stuck):
    writer = SegmentWriter(tmp_path, "w0")
    made = call(body=b"x" * (64 << 20))  # the default of `gateway.max_body`
    assert writer.append(call())
    assert writer.append(made)
    stuck.free.set()
    eventually(lambda: writer.unsynced == 0)
    writer.close()


def test_a_slow_disk_is_named_where_calls_are_refused(tmp_path, stuck):
    writer = SegmentWriter(tmp_path, "w0", max_unsynced=1, on_full="refuse")
    with pytest.raises(JournalFull, match="takes no more: the disk is slow"):
        writer.append(call())
    assert writer.stats.lost.total == 0, "a call that was refused is not lost"
    with pytest.raises(JournalFull):
        writer.append(attempt(call()))
    assert writer.stats.lost.attempts == 1
    stuck.free.set()
    writer.close()


async def test_who_waits_for_a_disk_that_hangs_is_told_so(tmp_path, stuck, monkeypatch, caplog):
    monkeypatch.setattr(writing, "PATIENCE_S", 0.01)
    writer = SegmentWriter(tmp_path, "w0")
    writer.append(call())
    with pytest.raises(StoreError, match="could not be brought to the disk: the disk is slow"):
        await writer.synced()
    assert not writer._waiters
    writer.close()
    assert "left unsynced" in caplog.text
    stuck.free.set()
    writer._thread.join(10)
    assert len(read(tmp_path)) == 1


@pytest.mark.parametrize("code", [errno.EIO, errno.ENOSPC])
async def test_a_failed_sync_is_told_also_to_those_who_ask_later(tmp_path, monkeypatch, caplog, code):
    failing = [True]
    sync = Segment.sync

    def faulty(segment):
        if failing and failing.pop():
            raise OSError(code, os.strerror(code))
        sync(segment)

    monkeypatch.setattr(Segment, "sync", faulty)
    writer = SegmentWriter(tmp_path, "w0", sync_interval_s=0.001)
    writer.append(call("a"))
    await asyncio.to_thread(eventually, lambda: writer.stats.sync_errors == 1)
    with pytest.raises(StoreError, match="the disk"):
        await writer.synced()
    writer.append(call("b"))
    await writer.synced()
    await asyncio.to_thread(rolled, writer)
    writer.close()
    assert [record.unit for record in read(tmp_path)] == ["a", "b"]
    assert writer.stats.segments == 2


def test_a_disk_that_takes_no_new_file_keeps_the_old_one_growing(tmp_path, monkeypatch, caplog):
    made = Segment.create

    def full(folder, instance, seq):
        raise OSError(errno.ENOSPC, "No space left on device")

    writer = SegmentWriter(tmp_path, "w0", segment_bytes=1_000, clock=lambda: 5.0)
    monkeypatch.setattr(Segment, "create", full)
    for _ in range(20):
        assert rolled(writer).append(call())
    assert writer.stats.segments == 1
    assert caplog.text.count("cannot roll") == 1, "it rests before it tries again"
    monkeypatch.setattr(Segment, "create", made)
    writer._roll_from = 0.0
    assert writer.append(call())
    rolled(writer)
    writer.close()
    assert (writer.stats.segments, len(read(tmp_path))) == (2, 21)


def test_a_name_that_is_taken_is_not_used_again_when_the_clock_goes_back(tmp_path, monkeypatch):
    monkeypatch.setattr(time, "time_ns", lambda: 7)
    for unit in "ab":
        writer = SegmentWriter(tmp_path, "w0")
        writer.append(call(unit))
        writer.close()
    assert len(names(tmp_path)) == 2
    assert [record.unit for record in read(tmp_path)] == ["a", "b"]


def test_a_record_that_no_frame_holds_is_counted(tmp_path):
    writer = SegmentWriter(tmp_path, "w0")
    one = call()
    with pytest.raises(StoreError, match="cannot be written"):
        writer.append(attempt(one, error="\ud800"))
    with pytest.raises(StoreError, match="cannot be written"):
        writer.append(call(model="\ud800"))
    assert (writer.stats.lost.attempts, writer.stats.lost.calls) == (1, 0)
    writer.close()


@given(st.data())
def test_damage_among_tallies_costs_only_what_it_hit(data):
    one = call()
    said = Tally(tally_id=new_id(), ts=1.0, writer="w0", calls_kept=1)
    frames = [frame.encode(record) for record in (one, said, attempt(one), said)]
    whole = bytearray(b"".join(frames))
    bit = data.draw(st.integers(0, 8 * len(whole) - 1))
    whole[bit // 8] ^= 1 << bit % 8
    torn = data.draw(st.integers(0, len(frames[-1]) - 1))
    found = frame.scan(bytes(whole[: len(whole) - torn]), final=True)
    assert 2 <= len(found.frames) <= 3
    assert 1 <= found.corrupt <= 2
    assert {item.kind for item in found.frames} <= {1, 2, 4}
