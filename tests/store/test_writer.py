import asyncio
import os
import resource
import subprocess
import sys
import textwrap
import threading
import time
from pathlib import Path

import pytest
from storebuild import attempt, call, price, read_answer, rolled

from store.errors import JournalFull, StoreError
from store.ingester import Ingester
from store.journal import frame
from store.journal.segment import Segment, folder_bytes, names
from store.journal.writer import SegmentWriter
from store.log import Log
from store.vocabulary import Tally


def everything(folder):
    found = []
    for name in names(folder):
        data = (folder / name).read_bytes()
        assert frame.header_sound(data, name)
        scan = frame.scan(data[frame.HEADER_BYTES :], final=True)
        assert scan.corrupt == 0
        found += [item.record() for item in scan.frames]
    return found


def read(folder):
    return [record for record in everything(folder) if not isinstance(record, Tally)]


async def test_records_are_in_the_file_when_append_returns_and_on_disk_when_synced(tmp_path):
    writer = SegmentWriter(tmp_path, "w0")
    made = [call(str(i)) for i in range(5)]
    for record in made:
        assert writer.append(record)
    assert read(tmp_path) == made
    await writer.synced()
    assert writer.stats.syncs >= 1
    await asyncio.gather(*(writer.synced() for _ in range(3)))
    writer.close()
    writer.close()
    assert (writer.stats.kept.total, writer.stats.lost.total, writer.stats.segments) == (5, 0, 1)
    with pytest.raises(StoreError, match="closed"):
        writer.append(call())


async def test_waiting_for_many_appends_from_many_tasks(tmp_path):
    writer = SegmentWriter(tmp_path, "w0", sync_interval_s=0.002, segment_bytes=20_000)

    async def one(index):
        assert writer.append(call(str(index)))
        await writer.synced()

    await asyncio.gather(*(one(index) for index in range(100)))
    writer.close()
    assert len(read(tmp_path)) == 100


def test_segments_roll_and_names_are_never_used_twice(tmp_path):
    seen = set()
    for _ in range(2):
        writer = SegmentWriter(tmp_path, "w0", segment_bytes=2_000)
        for index in range(20):
            rolled(writer).append(call(str(index)))
        writer.close()
        fresh = set(names(tmp_path)) - seen
        assert len(fresh) == writer.stats.segments > 3
        seen |= fresh
    assert len(read(tmp_path)) == 40
    assert not list(tmp_path.glob("*.tmp"))


def test_threads_do_not_tear_each_others_frames(tmp_path):
    writer = SegmentWriter(tmp_path, "w0", segment_bytes=30_000)
    threads = [
        threading.Thread(target=lambda n=n: [writer.append(call(f"{n}-{i}")) for i in range(50)])
        for n in range(4)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    writer.close()
    assert len({record.unit for record in read(tmp_path)}) == 200


def test_a_bounded_journal_refuses_calls_first_and_goes_on_when_there_is_room(tmp_path):
    writer = SegmentWriter(tmp_path, "w0", max_bytes=64_000)
    first = call(body=b"x" * 1_000)
    kept = [first] if writer.append(first) else []
    while rolled(writer).append(made := call(body=b"x" * 1_000)):
        kept.append(made)
    assert len(kept) > 20
    assert writer.append(attempt(first)), "the outcomes of accepted calls still fit"
    assert writer.stats.lost.total == 1
    total = folder_bytes(tmp_path)
    assert total <= 64_000
    rolled(writer)
    for name in names(tmp_path)[:-1]:
        (tmp_path / name).unlink()  # as the ingester does
    writer._room._measured_at = -1.0  # a quarter of a second later
    assert writer.append(call())
    writer.close()


def test_a_full_journal_has_room_again_as_soon_as_it_is_loaded(tmp_path):
    now = [0.0]
    folder = tmp_path / "journal"
    writer = SegmentWriter(folder, "w0", max_bytes=64_000, roll_s=1e9, clock=lambda: now[0])
    log = Log.open(tmp_path / "log.duckdb")
    ingester = Ingester(log, folder, read_answer, price)
    while rolled(writer).append(call(body=b"x" * 1_000)):
        now[0] += 0.01
    deadline = time.monotonic() + 10
    while ingester.step() or len(names(folder)) > 1:  # the full segments, and the one that was open
        assert time.monotonic() < deadline
    now[0] += 1.0
    assert [writer.append(call(body=b"x" * 1_000)) for _ in range(20)] == [True] * 20
    writer.close()
    ingester.close()
    log.close()


def test_refusing_raises_and_says_why(tmp_path):
    writer = SegmentWriter(tmp_path, "w0", max_bytes=8_000, on_full="refuse")

    def fill():
        while True:
            writer.append(call(body=b"x" * 500))

    with pytest.raises(JournalFull, match="8000 bytes are used"):
        fill()
    writer.close()


FULL_DISK = textwrap.dedent("""
    import resource, sys
    from pathlib import Path
    sys.path[:0] = [{tests!r}, {root!r}]
    from storebuild import call
    from store.journal.writer import SegmentWriter
    resource.setrlimit(resource.RLIMIT_FSIZE, (10_000, 10_000))
    writer = SegmentWriter(Path({folder!r}), "w0", segment_bytes=1 << 20)
    results = [writer.append(call(body=b"x" * size)) for size in (4_000, 20_000, 4_000, 20_000, 20_000)]
    writer.close()
    print(results, writer.stats.lost.total)
""")


def test_a_disk_that_refuses_leaves_no_torn_frame(tmp_path):
    tests = Path(__file__).parent
    code = FULL_DISK.format(tests=str(tests), root=str(tests.parents[1]), folder=str(tmp_path))
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[True, False, True, False, False] 3"
    assert [len(record.body) for record in read(tmp_path)] == [4_000, 4_000]


@pytest.mark.skipif(os.geteuid() != 0, reason="mounting a small file system needs root")
def test_a_full_file_system_loses_no_record_that_was_accepted(tmp_path):
    mount = ["mount", "-t", "tmpfs", "-o", "size=64k", "tmpfs", str(tmp_path)]
    if subprocess.run(mount, capture_output=True, check=False).returncode:
        pytest.skip("mounting is not allowed here")
    try:
        writer = SegmentWriter(tmp_path, "w0", segment_bytes=1 << 20)
        results = [writer.append(call(str(index), body=b"x" * 3_000)) for index in range(30)]
        accepted = [str(index) for index, kept in enumerate(results) if kept]
        writer.close()
        assert 5 < len(accepted) < 30
        assert writer.stats.lost.total == 30 - len(accepted)
        assert [record.unit for record in read(tmp_path)] == accepted
    finally:
        subprocess.run(["umount", str(tmp_path)], check=False)


def test_a_folder_that_cannot_be_written_is_one_clear_error(tmp_path):
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (3, hard))
    try:
        with pytest.raises(JournalFull, match="cannot be opened"):
            SegmentWriter(tmp_path, "w0")
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


async def test_a_sync_that_fails_is_told_to_those_who_wait_and_the_writer_goes_on(
    tmp_path, monkeypatch, caplog
):
    failing = [True]
    sync = Segment.sync

    def faulty(segment):
        if failing and failing.pop():
            raise OSError(5, "Input/output error")
        sync(segment)

    monkeypatch.setattr(Segment, "sync", faulty)
    writer = SegmentWriter(tmp_path, "w0", sync_interval_s=5.0)
    writer.append(call("a"))
    with pytest.raises(StoreError, match="could not be brought to the disk: Input/output error"):
        await writer.synced()
    writer.append(call("b"))
    await writer.synced()
    writer.close()
    assert [record.unit for record in read(tmp_path)] == ["a", "b"]
    assert (writer.stats.sync_errors, writer.stats.segments) == (1, 2)
    assert "could not be brought" in caplog.text


def test_torn_bytes_that_cannot_be_taken_back_cost_no_other_record(tmp_path, monkeypatch):
    segment = Segment.create(tmp_path, "w0-0-0", 0)
    first, torn, last = (frame.encode(call(name)) for name in "abc")
    segment.append(first)
    write = os.write
    results = iter([lambda: write(segment.handle, torn[:50]), lambda: 1 / 0])

    def short(handle, data):
        try:
            return next(results)()
        except ZeroDivisionError:
            raise OSError(28, "No space left on device") from None

    def stuck(handle, size):
        raise OSError(5, "Input/output error")

    with monkeypatch.context() as patched:
        patched.setattr(os, "write", short)
        patched.setattr(os, "ftruncate", stuck)
        with pytest.raises(OSError, match="No space left"):
            segment.append(torn)
    segment.append(last)
    segment.close()
    [name] = names(tmp_path)
    found = frame.scan((tmp_path / name).read_bytes()[frame.HEADER_BYTES :], final=True)
    assert [item.record().unit for item in found.frames] == ["a", "c"]
    assert found.corrupt == 1
