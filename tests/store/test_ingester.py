import os
import random
import subprocess
import sys
from pathlib import Path

import pytest
from storebuild import House, answer_body, attempt, call, price, read_answer, rolled

from store.errors import LogLocked
from store.ids import new_id
from store.ingester import Ingester
from store.journal import frame
from store.journal.segment import names
from store.journal.writer import SegmentWriter
from store.log import Log
from store.vocabulary import Answer, Call, Choice, Feedback, Outcome, Pairing, Role, Tally, Who


def reopen(house):
    house.ingester.close()
    house.ingester = Ingester(house.log, house.root / "journal", read_answer, price)


def test_a_call_comes_back_exactly(house):
    odd = b'{"model" : "gpt-x",\n "messages":[ {"role":"system","content":"\\u00e9"} ,{"role":"user","content":"1"}]}'
    choice = Choice(who=Who.STUDENT, task="t", student_id="s1", share=0.5)
    made = call(body=odd, choice=choice, headers={"x-a": "b"}, user="u", conversation="c", retry_count=1)
    answer = attempt(made, who=Who.STUDENT, headers={"x-request-id": "r"}, first_byte_ms=3.5)
    house.add(made, answer)
    detail = house.log.call(made.call_id)
    assert detail.call == made
    [back] = detail.attempts
    assert back.attempt.outcome is Outcome.COMPLETE
    assert back.attempt.headers == {"x-request-id": "r"}
    assert back.completion_id == f"chatcmpl-{answer.attempt_id}"
    assert (back.usage.prompt_tokens, back.usage.completion_tokens, back.cost_usd) == (7, 3, 0.0)
    assert house.log.call("none") is None


@pytest.mark.parametrize("body", [b"", b"not json", b"\xff\xfe\x00", b"a\x00b", b"[1]", '{"é"'.encode()])
def test_bodies_that_are_no_requests_are_kept_whole(house, body):
    made = call(body=body)
    raw = attempt(made, body=b"\x00\xff not json", outcome=Outcome.ERROR, status=502)
    house.add(made, raw)
    detail = house.log.call(made.call_id)
    assert detail.call.body == body
    assert detail.attempts[0].attempt.body == raw.body
    assert detail.attempts[0].answer is None


def test_opaque_surfaces_are_not_parted(house):
    made = call(surface="opaque", path="/v1/files", fingerprint="")
    house.add(made)
    assert house.log.call(made.call_id).call == made
    assert house.log.totals().prompts == 0


def test_heads_are_kept_once(house):
    house.add(*(call(str(index)) for index in range(20)))
    assert house.log.totals().prompts == 1
    house.add(*(call(str(index)) for index in range(5)))
    assert house.log.totals().prompts == 1


def test_sequence_follows_the_journal_and_is_never_used_twice(house):
    made = [call(str(index)) for index in range(10)]
    house.add(*made[:6])
    house.add(*made[6:])
    rows = [house.log.call(c.call_id).seq for c in made]
    assert rows == list(range(1, 11))


def test_each_record_is_loaded_once_across_steps_and_reopening(house):
    rng = random.Random(4)
    total = 0
    for _ in range(12):
        made = [call(str(rng.random())) for _ in range(rng.randrange(4))]
        for one in made:
            house.writer.append(one)
            house.writer.append(attempt(one))
        total += len(made)
        if rng.random() < 0.5:
            reopen(house)
        assert house.ingester.step() == 2 * len(made)
    totals = house.log.totals()
    assert (totals.calls, totals.attempts, totals.open_calls) == (total, total, 0)


async def test_sealed_segments_are_deleted_and_the_living_one_stays(tmp_path):
    house = House(tmp_path)
    house.writer.close()
    house.writer = SegmentWriter(tmp_path / "journal", "w0", segment_bytes=3_000)
    made = [call(str(index)) for index in range(20)]
    for record in (*made, *map(attempt, made)):
        rolled(house.writer).append(record)
    house.ingester.step()
    await house.writer.synced()  # rolled segments are released once they are on the disk
    house.ingester.step()
    assert len(names(tmp_path / "journal")) == 1
    house.close()
    house = House(tmp_path)
    house.ingester.step()
    assert len(names(tmp_path / "journal")) == 1, "only the new writer's"
    assert house.log.totals().calls == 20
    assert house.log.totals().lost_calls == 0
    house.close()


def test_attempts_and_feedback_may_come_first(house):
    one = call()
    house.add(attempt(one), Feedback(feedback_id=new_id(), ts=1.0, target=one.call_id, score=1.0))
    assert house.log.totals().unresolved_feedback == 1
    house.add(one)
    totals = house.log.totals()
    assert (totals.open_calls, totals.unresolved_feedback) == (0, 0)
    assert house.log.exchanges([one.fingerprint], limit=1)[0].feedback == 1.0


def test_an_attempt_is_read_as_the_surface_that_it_names(tmp_path):
    seen = []

    def read(surface, content_type, status, body):
        seen.append(surface)
        return Answer(completion=None)

    house = House(tmp_path)
    made = call(surface="responses")
    house.ingester._read_answer = read
    served, beside = attempt(made, surface="responses"), attempt(made, role=Role.SHADOW, served=False)
    house.add(served, beside, made)
    assert seen == ["responses", "chat"]
    assert {a.attempt.surface for a in house.log.call(made.call_id).attempts} == {"responses", "chat"}
    house.close()


def test_a_reader_of_answers_that_fails_costs_no_record(house, caplog):
    house.ingester._read_answer = lambda *_: 1 / 0
    made = call()
    house.add(made, attempt(made))
    assert house.log.call(made.call_id).attempts[0].attempt.body.startswith(b"{")
    assert "could not be read" in caplog.text


def test_streams_are_kept_as_the_completion_they_say(house):
    completion = {"id": "chatcmpl-9", "choices": [{"message": {"content": "é"}, "finish_reason": "stop"}]}
    house.ingester._read_answer = lambda *_: Answer(completion=completion, completion_id="chatcmpl-9")
    made = call(stream=True)
    house.add(made, attempt(made, body=b'data: {"id": ...}\n\n'))
    [back] = house.log.call(made.call_id).attempts
    assert (back.answer, back.attempt.body) == (completion, b"")


def test_calls_of_a_dead_writer_are_lost_but_not_those_of_a_living_one(house):
    other = SegmentWriter(house.root / "journal", "w1", segment_bytes=1_500)
    answered, left, living = call("a"), call("b"), call("c")
    for record in (answered, attempt(answered), left, call("d"), call("e")):
        rolled(other).append(record)
    assert other.stats.segments > 1
    house.add(living)
    house.ingester.step()
    assert house.log.totals().lost_calls == 0, "a sealed segment is not a dead writer"
    other.close()
    house.ingester.step()
    assert house.log.totals().lost_calls == 3
    [lost] = house.log.call(left.call_id).attempts
    assert (lost.attempt.outcome, lost.attempt.served) == (Outcome.LOST, True)
    assert house.log.call(living.call_id).attempts == ()
    house.ingester.step()
    reopen(house)
    house.ingester.step()
    assert house.log.totals().lost_calls == 3
    assert house.log.totals().open_calls == 1


def test_pairs_of_a_dead_writer_are_closed_so_that_nothing_waits_for_them(house):
    other = SegmentWriter(house.root / "journal", "w1")
    drawn = {"rollout_id": "r1", "student_id": "s1", "step": "canary_5", "propensity": 1.0}
    shadowed = call("a", choice=Choice(pairing=Pairing.SHADOW, **drawn))
    halved = call("b", choice=Choice(pairing=Pairing.SHADOW, **drawn))
    reversed_ = call("c", choice=Choice(who=Who.STUDENT, pairing=Pairing.REVERSE_SHADOW, **drawn))
    rescued = call("d", choice=Choice(who=Who.STUDENT, pairing=Pairing.REVERSE_SHADOW, **drawn))
    student = {"who": Who.STUDENT, "student_id": "s1"}
    beside = attempt(shadowed, role=Role.SHADOW, served=False, **student)
    for record in (shadowed, attempt(shadowed), beside, halved, attempt(halved), reversed_):
        other.append(record)
    for record in (attempt(reversed_, **student), rescued, attempt(rescued, role=Role.FALLBACK)):
        other.append(record)
    house.ingester.step()
    other.close()
    house.ingester.step()
    house.ingester.step()
    roles = {
        made.call_id: [
            (str(a.attempt.role), str(a.attempt.outcome)) for a in house.log.call(made.call_id).attempts
        ]
        for made in (shadowed, halved, reversed_, rescued)
    }
    assert sorted(map(sorted, roles.values())) == sorted(
        [
            [("serve", "complete"), ("shadow", "complete")],
            [("serve", "complete"), ("shadow", "lost")],
            [("reverse_shadow", "lost"), ("serve", "complete")],
            [("fallback", "complete")],
        ]
    )
    assert house.log.totals().lost_calls == 0
    [pair] = [d for d in house.log.drawn("r1", 0, "label", 10) if d.call_id == halved.call_id]
    assert pair.student_outcome == Outcome.LOST


def test_calls_whose_journal_is_gone_are_lost_at_the_next_start(house):
    other = SegmentWriter(house.root / "journal", "w1")
    other.append(call())
    house.ingester.step()
    other.close()
    for name in names(house.root / "journal"):
        if name.startswith("w1"):
            (house.root / "journal" / name).unlink()
    reopen(house)
    house.ingester.step()
    assert house.log.totals().lost_calls == 1


def test_one_ingester_per_folder(house):
    with pytest.raises(LogLocked, match="ingests the journal"):
        Ingester(house.log, house.root / "journal", read_answer, price)


def write_segment(house, data, name="w9-0-0-00000000.seg"):
    path = house.root / "journal" / name
    path.write_bytes(data)
    return path


def test_damage_is_counted_and_costs_only_what_it_hit(house):
    made = [call(str(index)) for index in range(5)]
    frames = [frame.encode(one) for one in made]
    broken = bytearray(frames[2])
    broken[40] ^= 1
    torn = frames[4][:-3]
    path = write_segment(house, frame.header() + frames[0] + frames[1] + broken + frames[3] + torn)
    assert house.ingester.step() == 3
    totals = house.log.totals()
    assert (totals.calls, totals.corrupt_frames, totals.lost_calls) == (3, 2, 3)
    assert not path.exists()


def test_a_damaged_header_costs_nothing_else(house):
    head = b"\1" + frame.header()[1:]
    write_segment(house, head + frame.encode(call()))
    assert house.ingester.step() == 1
    assert house.log.totals().corrupt_frames == 1


def test_an_empty_or_headless_segment_is_cleared_away(house):
    paths = [write_segment(house, data, f"w9-{n}-0-0.seg") for n, data in enumerate((b"", b"SH"))]
    house.ingester.step()
    assert not any(path.exists() for path in paths)


def test_a_segment_of_a_later_program_stays_where_it_is(house, caplog, monkeypatch):
    path = write_segment(house, frame.header() + frame.encode(call()))
    monkeypatch.setattr(frame, "SCHEMA", 0)
    assert house.ingester.step() == 0
    assert house.ingester.step() == 0
    assert path.exists()
    assert caplog.text.count("It stays where it is") == 2, "once for each segment"


def test_frames_longer_than_a_chunk_are_read(house, monkeypatch):
    monkeypatch.setattr("store.reading.CHUNK", 700)
    made = [call(body=b"x" * size) for size in (10, 5_000, 10, 2_000)]
    for record in made:
        house.writer.append(record)
    while house.ingester.step():
        pass
    assert [house.log.call(c.call_id).call.body for c in made] == [c.body for c in made]


def test_a_step_ends_after_its_share(house, monkeypatch):
    monkeypatch.setattr("store.reading.CHUNK", 2_000)
    for index in range(20):
        house.writer.append(call(str(index)))
    steps = []
    while loaded := house.ingester.step():
        steps.append(loaded)
    assert sum(steps) == 20
    assert len(steps) > 3


def test_stale_drafts_are_swept(house):
    draft = house.root / "journal" / "w9-0-0-0.tmp"
    draft.write_bytes(b"")
    reopen(house)
    assert draft.exists(), "a young one may be about to get its name"
    os.utime(draft, (0, 0))
    (house.root / "journal" / "w8-0-0-0.tmp").symlink_to("named-meanwhile")
    reopen(house)
    assert not draft.exists()


def test_the_log_is_one_owners(tmp_path, house):
    code = f"from store.log import Log\nLog.open({str(tmp_path / 'log.duckdb')!r}, read_only=True)"
    root = Path(__file__).parents[2]
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=root, check=False)
    assert "LogLocked: Another process has the log open" in done.stderr


def test_what_is_read_survives_closing(tmp_path):
    house = House(tmp_path)
    made = call()
    house.add(made, attempt(made, body=answer_body("kept")))
    house.close()
    log = Log.open(tmp_path / "log.duckdb", read_only=True)
    assert log.call(made.call_id).call == made
    assert isinstance(made, Call)
    assert log.call(made.call_id).attempts[0].attempt.role is Role.SERVE
    log.close()


def test_a_writer_is_read_in_its_order_and_no_writer_waits_for_another(house, monkeypatch):
    monkeypatch.setattr("store.reading.CHUNK", 2_000)
    monkeypatch.setattr("store.ingester._STEP_BYTES", 2_000)
    made = {name: [call(f"{name}{index}") for index in range(12)] for name in ("w1", "w2", "w3")}
    for name, calls in made.items():
        writer = SegmentWriter(house.root / "journal", name, segment_bytes=3_000)
        for one in calls:
            rolled(writer).append(one)
        writer.close()
    for _ in range(4):
        house.ingester.step()
    begun = [calls for calls in made.values() if house.log.call(calls[0].call_id)]
    assert len(begun) == 3, "after as many steps as there are writers, the living one included"
    for _ in range(200):
        house.ingester.step()
    for calls in made.values():
        seqs = [house.log.call(one.call_id).seq for one in calls]
        assert seqs == sorted(seqs)
    tallies = {
        account.writer[:2]: account.tally.calls_kept for account in house.log.accounts() if account.tally
    }
    assert tallies == {"w1": 12, "w2": 12, "w3": 12}
    assert all(a.calls_loaded == 12 and a.sealed for a in house.log.accounts() if a.tally)


def test_segments_that_are_gone_are_folded_into_one_row_a_writer(house, monkeypatch):
    monkeypatch.setattr("store.ingester._FOLDED_FROM", 4)
    for name in ("w1", "w2"):
        writer = SegmentWriter(house.root / "journal", name, segment_bytes=1_500)
        for index in range(8):
            rolled(writer).append(call(f"{name}{index}"))
        writer.close()
    house.add(call("living"))
    before = house.log.accounts()
    assert len(house.log.loader.offsets()) == 7
    house.ingester.step()
    assert len(house.log.loader.offsets()) == 3, "one for each of the three writers"
    reopen(house)
    house.ingester.step()
    after = house.log.accounts()
    assert [(a.calls_loaded, a.sealed, a.tally and a.tally.calls_kept) for a in after] == [
        (1, False, None), (8, True, 8), (8, True, 8),
    ]  # fmt: skip
    assert [a.writer for a in after] == [a.writer for a in before]
    house.add(call("goes on"))
    totals = house.log.totals()
    assert (totals.calls, totals.lost_calls, totals.open_calls) == (18, 16, 2), "nothing was loaded twice"


def test_a_tally_of_impossible_counts_is_set_aside_and_costs_nothing_else(house):
    path = write_segment(
        house,
        frame.header()
        + frame.encode(call())
        + frame.encode(Tally(tally_id=new_id(), ts=1.0, writer="w9-0-0", calls_kept=2**64 - 1))
        + frame.encode(call()),
    )
    house.ingester.step()
    assert house.log.totals().calls == 2
    assert not path.exists()
    [account] = [account for account in house.log.accounts() if account.writer == "w9-0-0"]
    assert (account.tally, account.calls_loaded, account.corrupt) == (None, 2, 1)


def test_what_is_more_than_a_step_is_caught_up_with(house, monkeypatch):
    monkeypatch.setattr("store.ingester._STEP_BYTES", 2_000)
    monkeypatch.setattr("store.reading.CHUNK", 2_000)
    calls = [call(str(i)) for i in range(30)]
    house.add(*calls)
    assert house.ingester.step() < len(calls)
    assert house.ingester.catch_up(at_most_s=0.0) < len(calls), "it stops when its time is over"
    house.ingester.catch_up(at_most_s=60.0)
    assert house.log.totals().calls == len(calls)
    assert house.ingester.catch_up() == 0
