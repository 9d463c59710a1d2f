"""Records that the log cannot hold, and steps that meet one another."""

import stat
import threading
from contextlib import suppress

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace
from storebuild import attempt, call

from store.errors import Conflict, StoreError
from store.ids import new_id
from store.isolate import unfit
from store.journal import frame, rejected
from store.vocabulary import Answer, Choice, Feedback, Usage

FAR = 3_000_000_000  # beyond a 32-bit column


def spoilt_calls():
    return [
        call(retry_count=FAR),
        call(fp_version=-FAR),
        call(choice=Choice(task_version=2**40)),
        call(retry_count=2**63),
    ]


def lone_surrogate(record, name):
    """A frame, sound by its checksum, whose text is no UTF-8."""
    good = frame.encode(replace(record, **{name: "QQQ"}))
    payload = good[frame.FRAME_BYTES :].replace(b"QQQ", b"\xed\xa0\x80")
    return reframed(1, payload)


def reframed(kind, payload):
    made = frame.encode(call())
    head = bytearray(made[: frame.FRAME_BYTES])
    head[:4] = len(payload).to_bytes(4, "little")
    head[8] = kind
    crc = frame.zlib.crc32(payload, frame.zlib.crc32(head[8:], frame.zlib.crc32(head[:4])))
    head[4:8] = crc.to_bytes(4, "little")
    return bytes(head) + payload


def plant(house, frames, name="w9-0-0-00000000.seg"):
    (house.root / "journal" / name).write_bytes(frame.header() + b"".join(frames))


def files(house):
    return rejected.kept(house.root / "journal")


def test_a_record_that_fits_no_column_is_set_aside_and_the_others_are_loaded(house):
    bad = spoilt_calls()
    good = [call(str(index)) for index in range(30)]
    mixed = [*good[:7], bad[0], *good[7:9], bad[1], bad[2], *good[9:], bad[3]]
    plant(house, map(frame.encode, mixed))
    assert house.ingester.step() == len(mixed)
    totals = house.log.totals()
    assert (totals.calls, totals.corrupt_frames) == (len(good), len(bad))
    assert {file.read_bytes() for file in files(house)} == {frame.encode(one) for one in bad}
    assert {stat.S_IMODE(file.stat().st_mode) for file in files(house)} == {0o600}
    assert house.ingester.step() == 0
    assert [house.log.call(one.call_id).seq for one in good] == list(range(1, 31))


def test_what_cannot_be_decoded_is_set_aside_too(house):
    frames = [
        reframed(1, b"\xc1"),
        reframed(2, msgspec.msgpack.encode({"attempt_id": 3})),
        lone_surrogate(call(), "user"),
        reframed(3, msgspec.msgpack.encode(["no", "feedback"])),
    ]
    plant(house, [*frames, frame.encode(call())])
    assert house.ingester.step() == 5
    totals = house.log.totals()
    assert (totals.calls, totals.corrupt_frames) == (1, 4)
    assert {file.read_bytes() for file in files(house)} == set(frames)


@pytest.mark.parametrize(
    "answer",
    [
        Answer(completion={"a": 1}, usage=Usage(prompt_tokens=2**63)),
        Answer(completion={"a": 1}, completion_id="\ud800"),
        Answer(completion={"a": 1}, finish_reason=["stop"]),
        Answer(completion={"a": {1, 2}}),
    ],
)
def test_an_answer_that_does_not_fit_is_kept_as_raw_bytes(house, answer):
    house.ingester._read_answer = lambda *_: answer
    made = call()
    sent = attempt(made, body=b"data: what it was\n\n")
    house.add(made, sent)
    [back] = house.log.call(made.call_id).attempts
    assert (back.attempt.body, back.answer, back.cost_usd) == (sent.body, None, None)
    assert (house.log.totals().corrupt_frames, files(house)) == (0, [])


def test_attempts_and_feedback_can_spoil_a_batch_as_well(house):
    made = call()
    bad = attempt(made, status=FAR)
    other = attempt(made)
    word = Feedback(feedback_id=new_id(), ts=1.0, target=made.call_id, score=1.0)
    house.add(made, bad, other, word)
    totals = house.log.totals()
    assert (totals.calls, totals.attempts, totals.feedback, totals.corrupt_frames) == (1, 1, 1, 1)
    [path] = files(house)
    assert path.read_bytes() == frame.encode(bad)


def test_what_is_no_records_fault_sets_nothing_aside(house, monkeypatch):
    def full(_batch):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(house.ingester._loader, "load", full)
    house.writer.append(call())
    with pytest.raises(OSError, match="No space"):
        house.ingester.step()
    monkeypatch.undo()
    assert house.ingester.step() == 1
    assert files(house) == []


def test_what_was_set_aside_is_forgotten_in_time(house):
    house.add(call(retry_count=FAR))
    [path] = files(house)
    assert rejected.forget(house.root / "journal", path.stat().st_mtime) == 0
    assert rejected.forget(house.root / "journal", path.stat().st_mtime + 1) == 1
    assert files(house) == []


@given(st.lists(st.booleans(), max_size=60))
def test_halving_finds_the_unfit_and_no_other(items):
    numbered = list(enumerate(items))
    found = unfit(numbered, lambda some: all(good for _, good in some))
    assert found == [item for item in numbered if not item[1]]


def test_two_steps_at_once_load_each_record_once(house):
    meeting = threading.Barrier(2)
    read = house.ingester._read_answer

    def slow(*given):
        with suppress(threading.BrokenBarrierError):
            meeting.wait(0.3)  # a second step inside would come here, too
        return read(*given)

    house.ingester._read_answer = slow
    made = call()
    house.writer.append(made)
    house.writer.append(attempt(made))
    threads = [threading.Thread(target=house.ingester.step) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    totals = house.log.totals()
    assert (totals.calls, totals.attempts) == (1, 1)


def test_a_closed_ingester_takes_no_step(house):
    house.ingester.close()
    house.ingester.close()
    with pytest.raises(StoreError, match="was closed"):
        house.ingester.step()


def test_what_someone_else_loaded_meanwhile_is_not_loaded_again(house):
    house.add(call())
    house.ingester._offsets.clear()
    with pytest.raises(Conflict, match="in the meantime"):
        house.ingester.step()
    assert house.ingester.step() == 0
    assert house.log.totals().calls == 1
