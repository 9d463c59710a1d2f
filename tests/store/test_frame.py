import pytest
from hypothesis import given
from hypothesis import strategies as st
from storebuild import attempt, call

from store.errors import SchemaTooNew, StoreError
from store.ids import new_id
from store.journal import frame
from store.vocabulary import Feedback

bodies = st.lists(st.binary(max_size=80), min_size=1, max_size=6)


def records(payloads):
    made = []
    for index, payload in enumerate(payloads):
        one = call(body=payload)
        made.append(
            [one, attempt(one, body=payload), Feedback(feedback_id=new_id(), ts=1.0, target="x", score=0.5)][
                index % 3
            ]
        )
    return made


@given(bodies)
def test_frames_give_back_the_records(payloads):
    made = records(payloads)
    found = frame.scan(b"".join(map(frame.encode, made)), final=False)
    assert [item.record() for item in found.frames] == made
    assert found.corrupt == 0


@given(bodies, st.data())
def test_a_torn_end_waits_while_the_writer_lives_and_is_counted_after(payloads, data):
    frames = [frame.encode(record) for record in records(payloads)]
    whole = b"".join(frames)
    cut = data.draw(st.integers(0, len(whole) - 1))
    ends = [sum(map(len, frames[: i + 1])) for i in range(len(frames))]
    complete = sum(end <= cut for end in ends)
    end = ends[complete - 1] if complete else 0
    living = frame.scan(whole[:cut], final=False)
    assert (len(living.frames), living.end, living.corrupt) == (complete, end, 0)
    dead = frame.scan(whole[:cut], final=True)
    assert (len(dead.frames), dead.end, dead.corrupt) == (complete, cut, int(cut > end))


@given(bodies, st.data())
def test_one_flipped_bit_costs_one_record(payloads, data):
    frames = [frame.encode(record) for record in records(payloads)]
    whole = bytearray(b"".join(frames))
    bit = data.draw(st.integers(0, 8 * len(whole) - 1))
    whole[bit // 8] ^= 1 << bit % 8
    found = frame.scan(bytes(whole), final=True)
    assert len(found.frames) == len(frames) - 1
    assert found.corrupt == 1
    assert found.end == len(whole)
    before = bytes(b"".join(frames))
    assert all(item.raw[frame.FRAME_BYTES :] in before for item in found.frames)


@given(bodies, st.integers(0, 7))
def test_damage_in_a_living_segment_is_skipped_once_a_sound_frame_follows(payloads, bit):
    first, *rest = [frame.encode(record) for record in records([b"first", *payloads])]
    broken = bytearray(first)
    broken[-1] ^= 1 << bit
    alone = frame.scan(bytes(broken), final=False)
    assert (alone.frames, alone.end, alone.corrupt) == ((), 0, 0)
    followed = frame.scan(bytes(broken) + b"".join(rest), final=False)
    assert (len(followed.frames), followed.corrupt) == (len(rest), 1)


@given(st.binary(max_size=300))
def test_garbage_never_raises(garbage):
    found = frame.scan(garbage, final=True)
    assert found.end == len(garbage)


def test_zeros_of_a_power_cut_are_one_stretch_of_damage():
    whole = frame.encode(call()) + bytes(4096)
    found = frame.scan(whole, final=True)
    assert (len(found.frames), found.corrupt, found.end) == (1, 1, len(whole))


def test_headers_tell_their_schema():
    assert frame.header_sound(frame.header(), "x.seg")
    assert not frame.header_sound(b"SHJ1", "x.seg")
    assert not frame.header_sound(b"\1" + frame.header()[1:], "x.seg")


def test_a_later_schema_is_refused(monkeypatch):
    later = frame.header()
    monkeypatch.setattr(frame, "SCHEMA", 0)
    with pytest.raises(SchemaTooNew, match="schema 1"):
        frame.header_sound(later, "x.seg")


def test_a_payload_that_is_no_record_is_an_error_of_ours():
    with pytest.raises(StoreError, match="no readable record"):
        frame.Frame(1, bytes(frame.FRAME_BYTES) + b"\xc1").record()
