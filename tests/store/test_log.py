import json
import random
import threading
import time
import tracemalloc

import pyarrow.parquet as pq
import pytest
from msgspec.structs import replace
from storebuild import House, attempt, body, call, drawn_choice, paired

from store.errors import NotFound, SchemaTooNew, StoreError
from store.ids import new_id
from store.log import CallFilter, Log, Retention
from store.log.database import Database
from store.log.load import Batch
from store.log.running import Running
from store.vocabulary import (
    Deferred,
    Exposure,
    Feedback,
    Origin,
    Outcome,
    Pairing,
    Role,
    Score,
    ScoreSource,
    Who,
)

FP = "f" * 32


def score(of, value, *, name="acc", version="1", ts=1.0, source=ScoreSource.METRIC, **fields):
    return Score(
        attempt_id=of.attempt_id,
        call_id=of.call_id,
        name=name,
        version=version,
        value=value,
        source=source,
        ts=ts,
        **fields,
    )


def feedback(target, ts=1.0, **fields):
    return Feedback(feedback_id=new_id(), ts=ts, target=target, **fields)


def test_fingerprints_are_seen_with_their_latest_head(house):
    first = [call(str(i), ts=10.0 + i, task_name="triage" if i == 1 else None) for i in range(3)]
    other = call("x", fingerprint="e" * 32, body=body("x", system="Other."), tenant="acme", ts=20.0)
    house.add(
        *first, other, call(origin=Origin.INTERNAL, fingerprint="i"), call(surface="opaque", fingerprint="o")
    )
    one, two = house.log.seen_fingerprints()
    assert (one.fingerprint, one.calls, one.first_ts, one.last_ts, one.last_seq) == (FP, 3, 10.0, 12.0, 3)
    assert (one.task_name, one.model, one.fp_version) == ("triage", "gpt-x", 1)
    assert json.loads(one.head[0]) == {"role": "system", "content": "You are terse."}
    assert (two.tenant, two.calls) == ("acme", 1)
    assert one.head_hash != two.head_hash
    assert house.log.seen_fingerprints(after_seq=3) == [two]
    assert house.log.seen_fingerprints(limit=1) == [one]
    assert house.log.seen_fingerprints(after_seq=6) == []
    later = call("y", ts=30.0, body=body("y", system="Edited."))
    house.add(later)
    [seen] = house.log.seen_fingerprints(after_seq=6)
    assert (seen.fingerprint, seen.calls) == (FP, 4)
    assert "Edited." in seen.head[0]


def test_heads_are_read_for_those_that_are_asked_for_and_not_remembered(house):
    texts = [f"{number} {'x' * 100_000}" for number in range(40)]
    house.add(*(call(t[:2], fingerprint=f"{n:032x}", body=body("y", system=t)) for n, t in enumerate(texts)))
    tracemalloc.start()
    try:
        assert house.log.seen_fingerprints(limit=1)[0].head[0].count("x") == len("x" * 100_000)
        assert len(house.log.seen_fingerprints(after_seq=39)) == 1
        assert tracemalloc.get_traced_memory()[0] < len(texts) * 100_000 / 4
    finally:
        tracemalloc.stop()
    heads = [json.loads(seen.head[0])["content"] for seen in house.log.seen_fingerprints()]
    assert heads == texts


def test_a_head_stays_known_when_a_later_call_has_none(house):
    house.add(call("1"))
    assert len(house.log.seen_fingerprints()) == 1
    house.add(call("2", body=b'{"model":"gpt-x","messages":[{"role":"user","content":"hi"}]}'))
    (seen,) = house.log.seen_fingerprints()
    assert (seen.calls, json.loads(seen.head[0])["content"]) == (2, "You are terse.")


def test_what_the_house_spent_is_told_since_a_time(house):
    made = [
        call(str(n), origin=Origin.INTERNAL, tenant=name, ts=ts)
        for n, (name, ts) in enumerate([("judge", 10.0), ("judge", 100.0), ("job", 100.0)])
    ]
    house.add(*made, *(attempt(one) for one in made))
    whole, late = house.log.internal_costs(), house.log.internal_costs(50.0)
    assert (set(whole), set(late)) == ({"judge", "job"}, {"judge", "job"})
    assert whole["judge"] == 2 * late["judge"] > 0
    assert house.log.internal_costs(101.0) == {}


def test_counts_consider_apps_calls_only(house):
    made = [call(str(i)) for i in range(6)]
    served = [attempt(c) for c in made]
    served[5] = attempt(made[5], outcome=Outcome.ERROR)
    internal = call(origin=Origin.INTERNAL)
    house.add(*made, *served, internal, attempt(internal))
    house.log.add_scores([score(a, 0.5) for a in served[:3]])
    house.log.add_scores([score(served[0], 1.0, ts=2.0), score(served[0], 0.0, name="other")])
    house.add(
        feedback(made[0].call_id, score=0.2),
        feedback(made[0].call_id, score=0.9, ts=2.0),
        feedback(f"chatcmpl-{served[1].attempt_id}", correction="better"),
    )
    counts = house.log.counts([FP], score_names=["acc"])
    assert (counts.calls, counts.complete, counts.scored) == (6, 5, 3)
    assert (counts.feedback, counts.corrections) == (1, 1)
    assert counts.mean_score == pytest.approx(2 / 3)
    assert house.log.counts([FP]).scored == 3
    empty = house.log.counts(["none"])
    assert (empty.calls, empty.mean_score) == (0, None)


def test_exchanges_are_the_teachers_served_answers(house):
    alone = call("alone", ts=1.0, user="ann", retry_count=2)
    answer = attempt(alone, text="teacher says alone")
    by_teacher, by_student = paired("a", Who.TEACHER, ts=2.0), paired("b", Who.STUDENT, ts=3.0)
    rescued = call("c", ts=4.0, choice=drawn_choice(Who.STUDENT, Pairing.NONE))
    failed = attempt(rescued, who=Who.STUDENT, served=False, outcome=Outcome.TIMEOUT, body=b"")
    fallback = attempt(rescued, role=Role.FALLBACK)
    broken = call("d", ts=5.0, body=b"{")
    house.add(
        alone,
        answer,
        *by_teacher,
        *by_student,
        rescued,
        failed,
        fallback,
        broken,
        attempt(broken, outcome=Outcome.ERROR),
    )
    house.log.add_scores([score(answer, 0.25)])
    found = house.log.exchanges([FP], score_name="acc", limit=10)
    assert [e.call_id for e in found] == [rescued.call_id, by_teacher[0].call_id, alone.call_id]
    last = found[-1]
    assert (last.seq, last.user, last.retry_count, last.score, last.who) == (1, "ann", 2, 0.25, "teacher")
    assert last.request == json.loads(alone.body)
    assert last.answer["choices"][0]["message"]["content"] == "teacher says alone"
    assert last.reference == last.answer
    assert found[0].role == "fallback"
    oldest = house.log.exchanges([FP], limit=2, newest_first=False)
    assert [e.seq for e in oldest] == [1, 2]
    assert oldest[0].score is None
    assert [e.seq for e in house.log.exchanges([FP], limit=9, before_ts=4.0, after_ts=1.0)] == [2]
    assert house.log.exchanges(["none"], limit=9) == []


def test_retries_of_one_question_share_their_input_hash(house):
    same = {"unit": "u"}
    first = call("q", body=body("q", user="a"), **same)
    again = call("q", body=body("q", user="b", stream=True), retry_count=1, **same)
    other = call("other", **same)
    house.add(*(r for c in (first, again, other) for r in (c, attempt(c))))
    found = house.log.exchanges([FP], limit=9, newest_first=False)
    assert found[0].input_hash == found[1].input_hash != found[2].input_hash
    assert [e.retry_count for e in found] == [0, 1, 0]


def test_feedback_finds_its_call_by_either_id_and_only_its_tenants(house):
    one, two = call("1", tenant="acme", key_id="k9"), call("2", tenant="acme")
    first, second = attempt(one), attempt(two)
    house.add(one, first, two, second)
    house.add(
        feedback(one.call_id, tenant="acme", score=0.1),
        feedback(one.call_id, tenant="acme", score=0.7, ts=5.0, key_id="k1"),
        feedback(one.call_id, tenant="acme", correction="so", ts=3.0, key_id="k2"),
        feedback(one.call_id, tenant="acme", signal="copied", ts=6.0, key_id="k3"),
        feedback(f"chatcmpl-{second.attempt_id}", tenant="evil", score=0.0),
        feedback("nothing", tenant="acme", score=0.0),
    )
    found = {e.call_id: e for e in house.log.exchanges([FP], limit=9)}
    said = found[one.call_id]
    assert (said.feedback, said.feedback_key) == (0.7, "k1")
    assert (said.correction, said.correction_key) == ("so", "k2")
    assert (said.signal_key, said.key_id) == ("k3", "k9")
    assert found[two.call_id].feedback is None
    assert house.log.totals().unresolved_feedback == 2
    assert len(house.log.call(one.call_id).feedback) == 4


def test_feedback_on_a_reused_completion_id_means_the_latest_call(house):
    made = [call(str(i)) for i in range(3)]
    house.add(*made, *(attempt(c, body=b'{"id":"same","choices":[{"finish_reason":"stop"}]}') for c in made))
    house.add(feedback("same", score=0.5))
    assert [len(house.log.call(c.call_id).feedback) for c in made] == [0, 0, 1]


def test_unscored_gives_pairs_first_with_the_teachers_answer(house):
    alone = call("alone")
    answer = attempt(alone)
    pair = paired("b", Who.STUDENT)
    cut = call("cut")
    house.add(alone, answer, *pair, cut, attempt(cut, outcome=Outcome.UPSTREAM_CUT))
    found = house.log.unscored([FP], "acc", "1", 10)
    assert [e.attempt_id for e in found] == [*sorted(a.attempt_id for a in pair[1:]), answer.attempt_id]
    student = next(e for e in found if e.who == "student")
    assert student.answer["choices"][0]["message"]["content"] == "student says b"
    assert student.reference["choices"][0]["message"]["content"] == "teacher says b"
    assert len(house.log.unscored([FP], "acc", "1", 2)) == 2
    house.log.add_scores([score(answer, 1.0), score(pair[1], 1.0)])
    assert [e.attempt_id for e in house.log.unscored([FP], "acc", "1", 10)] == [pair[2].attempt_id]
    assert len(house.log.unscored([FP], "acc", "2", 10)) == 3, "another version judges anew"


def test_unscored_can_be_narrowed(house):
    alone, said = call("alone"), call("said")
    answers = [attempt(alone), attempt(said)]
    pair = paired("b", Who.STUDENT)
    orphan = call("orphan")
    by_student = attempt(orphan, who=Who.STUDENT)
    house.add(alone, answers[0], said, answers[1], *pair, orphan, by_student)
    house.add(feedback(said.call_id, score=0.0), feedback(alone.call_id, correction="so"))

    def found(**narrower):
        return {e.attempt_id for e in house.log.unscored([FP], "acc", "1", 10, **narrower)}

    drawn = {pair[1].attempt_id, pair[2].attempt_id}
    everything = drawn | {a.attempt_id for a in (*answers, by_student)}
    assert found() == everything
    assert found(drawn=True) == drawn
    assert found(drawn=False) == everything - drawn
    assert found(referenced=True) == everything - {by_student.attempt_id}
    assert found(after_seq=3) == {by_student.attempt_id}


def test_drawn_pairs_come_in_log_order_as_far_as_they_are_known(house):
    shadow, reverse = paired("a", Who.TEACHER), paired("b", Who.STUDENT)
    reverse = (reverse[0], replace(reverse[1], label="refund"), reverse[2])
    single = call("single", choice=drawn_choice(Who.TEACHER, Pairing.NONE))
    other = call("other", choice=drawn_choice(Who.TEACHER, Pairing.SHADOW, rollout_id="r2"))
    waiting = call("waiting", choice=drawn_choice(Who.TEACHER, Pairing.SHADOW))
    rescued = call("rescued", choice=drawn_choice(Who.STUDENT, Pairing.REVERSE_SHADOW))
    failed = attempt(rescued, who=Who.STUDENT, served=False, outcome=Outcome.ERROR, body=b"")
    fallback = attempt(rescued, role=Role.FALLBACK)
    house.add(*shadow, *reverse, single, other, waiting, rescued, failed, fallback)
    asked = {"propensity": 0.05, "drawn": True}
    house.log.add_scores(
        [
            *(score(shadow[2], 0.0), score(shadow[2], 0.75, ts=2.0, **asked)),
            *(score(shadow[1], 1.0, source=ScoreSource.AGREEMENT), score(reverse[1], 0.5)),
            *(score(shadow[2], 0.25, name="gold"), score(shadow[2], 0.0, ts=0.5, name="gold")),
        ]
    )
    found = house.log.drawn("r1", 0, "acc", 10)
    assert [d.call_id for d in found] == [c.call_id for c in (shadow[0], reverse[0], waiting, rescued)]
    one, two, three, four = found
    assert (one.served_by, one.step, one.propensity) == ("teacher", "canary_25", 0.5)
    assert one.slices == three.slices == ("tools:none", "length:short")
    assert two.slices == (*one.slices, "label:refund")
    assert (one.student_attempt, one.teacher_attempt) == (shadow[2].attempt_id, shadow[1].attempt_id)
    assert (one.student_score, one.teacher_score, one.teacher_itself) == (0.75, 1.0, True)
    assert (one.gold_propensity, one.gold_drawn, one.student_gold, one.teacher_gold) == (
        0.05,
        True,
        0.25,
        None,
    )
    assert (one.student_status, one.teacher_status) == (shadow[2].status, shadow[1].status)
    assert (one.student_ms, one.teacher_ms) == (shadow[2].duration_ms, shadow[1].duration_ms)
    assert (two.teacher_itself, two.gold_propensity, two.gold_drawn) == (False, None, False)
    assert (two.served_by, two.student_attempt, two.student_score, two.teacher_score) == (
        "student", reverse[1].attempt_id, 0.5, None,
    )  # fmt: skip
    assert (three.student_attempt, three.teacher_attempt, three.student_outcome) == (None, None, None)
    assert (four.student_outcome, four.teacher_outcome) == ("error", "complete")
    assert four.teacher_attempt == fallback.attempt_id
    assert [d.seq for d in house.log.drawn("r1", one.seq, "acc", 2)] == [two.seq, three.seq]
    assert house.log.drawn("r1", 0, "other", 1)[0].student_score is None


def test_what_the_breaker_and_the_cap_ask(house):
    made = [call(str(i), ts=100.0 + i, choice=drawn_choice(Who.STUDENT, Pairing.NONE)) for i in range(4)]
    outcomes = [Outcome.COMPLETE, Outcome.ERROR, Outcome.TIMEOUT, Outcome.COMPLETE]
    for one, outcome in zip(made, outcomes, strict=True):
        house.add(one, attempt(one, who=Who.STUDENT, outcome=outcome))
    shadow = paired("s", Who.TEACHER, ts=200.0)
    house.add(*shadow)
    assert house.log.student_outcomes("s1", limit=3) == ["complete", "timeout", "error"]
    assert house.log.student_outcomes("s1", after_ts=102.6) == ["complete"]
    assert house.log.spend(0.0, [Role.SERVE]) == pytest.approx(0.007)
    assert house.log.spend(0.0, [Role.SHADOW]) == 0.0
    assert house.log.spend(300.0, [Role.SERVE]) == 0.0
    assert house.log.spend(0.0, []) == 0.0


def test_what_deferred_calls_waited_and_cost_is_read(house):
    for vain, after in ((10.0, 100.0), (30.0, 140.0), (20.0, 110.0)):
        made = call(str(vain), choice=drawn_choice(Who.STUDENT, Pairing.NONE))
        unsure = attempt(made, who=Who.STUDENT, served=False, outcome=Outcome.DEFERRED, duration_ms=vain)
        house.add(made, unsure, attempt(made, role=Role.FALLBACK, duration_ms=after))
    kept = call("kept", choice=drawn_choice(Who.STUDENT, Pairing.NONE))
    failed = call("failed", choice=drawn_choice(Who.STUDENT, Pairing.NONE))
    straight = call("straight", choice=drawn_choice(Who.TEACHER, Pairing.NONE))
    elsewhere = call("elsewhere", choice=drawn_choice(Who.TEACHER, Pairing.NONE, rollout_id="r2"))
    house.add(kept, attempt(kept, who=Who.STUDENT, duration_ms=5.0))
    lost = attempt(failed, who=Who.STUDENT, served=False, outcome=Outcome.ERROR, duration_ms=900.0)
    house.add(failed, lost, attempt(failed, role=Role.FALLBACK, duration_ms=900.0))
    house.add(straight, attempt(straight, duration_ms=80.0), elsewhere, attempt(elsewhere, duration_ms=7.0))
    found = house.log.deferred("r1", 0)
    assert (found.calls, found.vain_ms, found.whole_ms, found.direct_ms) == (3, 20.0, 130.0, 80.0)
    assert (found.usd, found.unpriced) == (0.0, 0)
    assert house.log.deferred("r1", house.log.newest_seq()) == Deferred(
        calls=0, vain_ms=None, whole_ms=None, direct_ms=None, usd=0.0, unpriced=0
    )


def test_what_bounds_a_rollout_is_read(house):
    for i in range(4):
        who = Who.STUDENT if i else Who.TEACHER
        house.add(
            call(
                str(i),
                ts=100.0 + i,
                fingerprint=f"f{i % 2}",
                user=f"u{i // 2}" if i < 3 else None,
                choice=drawn_choice(who, Pairing.NONE),
            )
        )
    step = drawn_choice(Who.STUDENT, Pairing.NONE).step
    whole = house.log.exposure("r1", step, 0)
    assert whole.calls == 3
    assert house.log.exposure("r1", step, whole.seq) == Exposure(calls=0, seq=whole.seq)
    assert house.log.exposure("r1", step, whole.seq - 1).calls == 1
    assert house.log.exposure("r1", "nowhere", 0) == Exposure(calls=0, seq=0)
    assert (house.log.latest(["f0"]), house.log.latest(["f0", "f1"]), house.log.latest([])) == (
        102.0,
        103.0,
        0.0,
    )
    assert (house.log.users(["f0"]), house.log.users(["f0", "f1"]), house.log.users([])) == (2, 2, 0)


def test_calls_are_listed_newest_first_and_filtered(house):
    plain = [call(str(i), ts=float(i), tenant="a" if i % 2 else "b") for i in range(10)]
    pair = paired("p", Who.STUDENT, ts=50.0)
    house.add(*(r for c in plain[:9] for r in (c, attempt(c))), plain[9], *pair)

    def seqs(**fields):
        return [row.seq for row in house.log.calls(CallFilter(**fields)).rows]

    assert seqs(limit=3) == [11, 10, 9]
    assert seqs(before_seq=9, limit=2) == [8, 7]
    assert seqs(tenant="a", until_ts=4.0) == [4, 2]
    assert seqs(who="student") == [11]
    assert seqs(outcome="open") == [10]
    assert seqs(fingerprints=("none",)) == []
    assert seqs(fingerprints=(FP,), since_ts=8.0) == [11, 10, 9]
    assert seqs(rollout_id="r1") == [11]
    assert seqs(model="other") == seqs(origin="internal") == []
    row = house.log.calls(CallFilter(limit=1)).rows[0]
    assert (row.who, row.chosen, row.attempts, row.task, row.pairing) == (
        "student",
        "student",
        2,
        "triage",
        "reverse_shadow",
    )
    assert (row.prompt_tokens, row.status, row.cost_usd) == (7, 200, pytest.approx(0.007))


def test_totals_and_traffic_add_up(house):
    rng = random.Random(7)
    calls = pairs = student = 0
    for index in range(200):
        who = rng.choice([Who.TEACHER, Who.STUDENT])
        if rng.random() < 0.5:
            house.writer.append(one := call(str(index)))
            house.writer.append(attempt(one, outcome=rng.choice([Outcome.COMPLETE, Outcome.LENGTH])))
        else:
            for record in paired(str(index), who):
                house.writer.append(record)
            pairs += 1
            student += who is Who.STUDENT
        calls += 1
    house.ingester.step()
    totals = house.log.totals()
    assert (totals.calls, totals.attempts, totals.student_served) == (calls, calls + pairs, student)
    assert (totals.open_calls, totals.lost_calls, totals.prompts) == (0, 0, 1)
    [traffic] = house.log.by_task(0.0)
    assert (traffic.calls, traffic.pairs, traffic.student_served, traffic.failed) == (
        calls,
        pairs,
        student,
        0,
    )
    assert traffic.cost_usd == pytest.approx(totals.cost_usd)
    assert house.log.by_task(time.time() + 60) == []


def test_export_writes_every_call_with_its_served_answer(house, tmp_path, monkeypatch):
    monkeypatch.setattr("store.log.export._PAGE", 4)
    made = [call(f"é{i}") for i in range(10)]
    served = [attempt(c) for c in made]
    other = call(fingerprint="e" * 32, body=b"\xff")
    house.add(*made, *served, other)
    house.log.add_scores([score(served[0], 0.5)])
    assert house.log.export(tmp_path / "all.jsonl") == 11
    assert house.log.export(tmp_path / "some.jsonl", [FP]) == 10
    lines = [json.loads(line) for line in (tmp_path / "some.jsonl").read_text().splitlines()]
    assert [line["call_id"] for line in lines] == [c.call_id for c in made]
    assert lines[0]["request"] == json.loads(made[0].body)
    assert lines[0]["answer"]["choices"][0]["message"]["content"] == "fine"
    assert lines[0]["scores"] == {"acc": 0.5}
    assert house.log.export(tmp_path / "all.parquet", tasks={FP: "triage"}) == 11
    table = pq.read_table(tmp_path / "all.parquet")
    assert pq.ParquetFile(tmp_path / "all.parquet").metadata.row_group(0).column(0).compression == "ZSTD"
    rows = table.to_pylist()
    assert [row["call_id"] for row in rows] == [one.call_id for one in (*made, other)]
    assert [row["request"] and row["request"].encode() for row in rows] == [*(c.body for c in made), None]
    assert json.loads(rows[0]["answer"])["choices"][0]["message"]["content"] == "fine"
    assert [dict(row["scores"] or ()) for row in rows[:2]] == [{"acc": 0.5}, {}]
    assert [row["task"] for row in rows] == ["triage"] * 10 + [None]
    assert not list(tmp_path.glob(".*.tmp"))


def test_export_writes_an_emoji_that_was_cut_in_two(house, tmp_path):
    cut = call(body=b'{"messages":[{"role":"user","content":"\\ud83d"}]}')
    house.add(cut, attempt(cut))
    assert house.log.export(tmp_path / "all.jsonl") == 1
    assert json.loads((tmp_path / "all.jsonl").read_text())["request"] == json.loads(cut.body)


def test_an_export_reads_fewer_calls_at_once_where_they_are_large(tmp_path):
    house = House(tmp_path)
    made = [call(body=body(f"{number} " + "y" * 2**21)) for number in range(60)]
    for one in made:
        house.add(one)
    house.close()
    log = Log.open(tmp_path / "log.duckdb", memory_limit="120MB")
    try:
        assert log.export(tmp_path / "all.jsonl") == 60
    finally:
        log.close()
    with (tmp_path / "all.jsonl").open() as lines:
        assert [json.loads(line)["call_id"] for line in lines] == [one.call_id for one in made]


def test_export_leaves_out_what_is_nested_too_deeply(house, tmp_path):
    house.add(call(surface="opaque", body=b'{"input":%s%s}' % (b"[" * 3_000, b"]" * 3_000)))
    assert house.log.export(tmp_path / "all.jsonl") == 1
    assert json.loads((tmp_path / "all.jsonl").read_text())["request"] is None


def test_retention_takes_old_calls_with_all_that_is_theirs(house):
    old = [call(f"o{i}", ts=1_000.0, body=body("o", system="Old.")) for i in range(5)]
    new = call("new", ts=200_000.0)
    kept, gone = attempt(new), [attempt(c) for c in old]
    house.add(*old, *gone, new, kept, feedback(old[0].call_id, ts=1_001.0, score=1.0))
    house.log.add_scores([score(a, 1.0, ts=1_002.0) for a in (*gone, kept)])
    assert house.log.apply_retention(Retention(now=1e9)).calls == 0
    removed = house.log.apply_retention(Retention(days=1.0, now=200_000.0))
    assert (removed.calls, removed.attempts, removed.scores, removed.feedback, removed.prompts) == (
        5,
        5,
        5,
        1,
        1,
    )
    totals = house.log.totals()
    assert (totals.calls, totals.attempts, totals.scores, totals.feedback, totals.prompts) == (1, 1, 1, 0, 1)
    assert house.log.call(new.call_id).call == new


def test_sequence_numbers_are_not_used_again_after_retention(house, tmp_path):
    house.add(*(call(str(i), ts=1.0) for i in range(5)))
    house.log.apply_retention(Retention(days=1.0, now=1e9))
    house.add(later := call("later"))
    assert house.log.call(later.call_id).seq == 6


def test_readers_do_not_wait_for_the_writer(house):
    made = [call(str(i)) for i in range(50)]
    seen = []
    done = threading.Event()

    def watch():
        while not done.is_set():
            totals = house.log.totals()
            seen.append((totals.calls, totals.attempts))

    reader = threading.Thread(target=watch)
    reader.start()
    for one in made:
        house.add(one, attempt(one))
    done.set()
    reader.join()
    assert seen == sorted(seen)
    assert all(calls == attempts for calls, attempts in seen), "a step is seen whole or not at all"


def test_a_log_that_cannot_be_opened_says_so(tmp_path):
    with pytest.raises(NotFound, match="no log"):
        Log.open(tmp_path / "none.duckdb", read_only=True)
    (tmp_path / "bad.duckdb").write_bytes(b"no database" * 2_000)
    with pytest.raises(StoreError):
        Log.open(tmp_path / "bad.duckdb")


def test_migrations_go_forward_and_back(tmp_path):
    database = Database(tmp_path / "log.duckdb", read_only=False)
    database.engine.migrate("log", 0)
    assert database.engine.version("log") == 0
    database.engine.migrate("log")
    with database.writing() as writing:
        writing.cursor.execute("UPDATE log.log_meta SET value = 99 WHERE key = 'schema'")
    database.close()
    with pytest.raises(SchemaTooNew, match="schema 99"):
        Log.open(tmp_path / "log.duckdb")


def test_a_failed_load_leaves_nothing(house):
    house.add(call())
    before = house.log.totals()
    wrong = replace(call(), ts="not a number")
    with pytest.raises(Exception, match="not a number"):
        house.log.loader.load(_batch(wrong))
    assert house.log.totals() == before


def _batch(bad):
    return Batch(calls=[(call(), "w"), (bad, "w")])


def test_the_file_is_private_and_measured(house, tmp_path):
    house.add(call())
    assert (tmp_path / "log.duckdb").stat().st_mode & 0o777 == 0o600
    assert house.log.bytes_on_disk() > 0


def test_totals_that_are_asked_again_and_again_are_those_of_a_fresh_look(house):
    early, late, said = call("early"), call("late", tenant="acme"), call("said", tenant="acme")
    first, second = attempt(early, outcome=Outcome.ERROR), attempt(late, who=Who.STUDENT)
    steps = [(early,), (feedback(late.call_id, tenant="acme"), second), (first, late), (said, attempt(said))]
    for records in [*steps, (feedback("nothing"), feedback(f"chatcmpl-{second.attempt_id}", tenant="acme"))]:
        house.add(*records)
        house.log.add_scores([score(first, 1.0)])
        asked = house.log.totals()
        assert asked == house.log.totals() == Running(house.log._database).totals()
    assert (asked.calls, asked.attempts, asked.open_calls, asked.scores) == (3, 3, 0, 5)
    assert (asked.feedback, asked.unresolved_feedback, asked.student_served) == (3, 1, 1)
    house.log.erase([said.call_id])
    assert (house.log.totals().calls, house.log.totals().attempts) == (2, 2)
