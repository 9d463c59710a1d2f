"""What waits for the log: how many records and bytes, and for how long."""

import os

from hypothesis import given
from hypothesis import strategies as st
from storebuild import attempt, call

from store.backlog import Backlog, Watch
from store.journal import frame
from store.journal.counts import Counts, tally
from store.journal.segment import names


class Clock:
    now = 100.0

    def __call__(self):
        return self.now


def watching(folder):
    clock = Clock()
    return clock, Watch(folder, clock, wall=lambda: 1e9)


def segment(folder, *records, name="w0-0-0-00000000.seg"):
    path = folder / name
    path.write_bytes(frame.header() + b"".join(map(frame.encode, records)))
    os.utime(path, (1e9 - 40, 1e9 - 40))
    return path


def test_nothing_waits_in_an_empty_house(house):
    assert house.ingester.backlog() == Backlog()


def test_what_waits_is_counted_until_it_is_loaded(house):
    one = call()
    for record in (one, attempt(one)):
        house.writer.append(record)
    seen = house.ingester.backlog()
    assert (seen.records, seen.bytes) == (2, house.writer.stats.bytes)
    house.ingester.step()
    assert house.ingester.backlog() == Backlog()
    house.writer.append(call())
    assert house.ingester.backlog().records == 1


def test_tallies_are_bytes_but_no_records(tmp_path):
    segment(tmp_path, call(), tally("x", 1.0, "w0", Counts(1), Counts()), call())
    assert watching(tmp_path)[1].look({}).records == 2


def test_what_lay_there_is_as_old_as_its_file_and_ages_by_the_steady_clock(tmp_path):
    clock, watch = watching(tmp_path)
    path = segment(tmp_path, call())
    assert watch.look({}).lag_s == 40.0
    os.utime(path, (0, 0))
    clock.now += 5
    assert watch.look({}).lag_s == 45.0


@given(st.lists(st.tuples(st.integers(0, 4), st.integers(0, 4), st.floats(0, 3)), max_size=30))
def test_lag_is_the_age_of_the_oldest_record_that_waits(tmp_path_factory, steps):
    folder = tmp_path_factory.mktemp("journal")
    clock, watch = watching(folder)
    assert watch.look({}) == Backlog()
    path = segment(folder)
    waiting = []  # (end, when it was first seen)
    size = position = frame.HEADER_BYTES
    for added, loaded, gone in steps:
        clock.now += gone
        for _ in range(added):
            data = frame.encode(call())
            with path.open("ab") as file:
                file.write(data)
            size += len(data)
            waiting.append((size, clock.now))
        for end, _ in waiting[:loaded]:
            position = end
        waiting = waiting[loaded:]
        seen = watch.look({path.name: position})
        assert (seen.records, seen.bytes) == (len(waiting), size - position)
        oldest = clock.now - waiting[0][1] if waiting else 0.0
        assert oldest - 1e-6 <= seen.lag_s <= oldest + 0.25 + 1e-6


def test_damage_and_an_unfinished_end_are_bytes_that_wait(tmp_path):
    path = segment(tmp_path, call())
    whole = path.read_bytes()
    path.write_bytes(whole + whole[frame.HEADER_BYTES : -3])
    seen = watching(tmp_path)[1].look({})
    assert seen.records == 1
    path.write_bytes(frame.header() + b"\xff" * 100 + whole[frame.HEADER_BYTES :])
    watch = watching(tmp_path)[1]
    assert watch.look({}).records == 0
    assert watch.look({path.name: frame.HEADER_BYTES + 100}).records == 1, "behind the damage it goes on"


def test_a_segment_that_is_gone_waits_no_more(tmp_path):
    _, watch = watching(tmp_path)
    path = segment(tmp_path, call())
    assert watch.look({}).records == 1
    path.unlink()
    assert names(tmp_path) == []
    assert watch.look({}) == Backlog()
