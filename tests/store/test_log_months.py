"""Sealed months, erasure, retention, backup and search: what they take, keep and leave on the disk."""

import json
import random
import threading
import time
from datetime import UTC, datetime

import pytest
from storebuild import House, attempt, body, call, price, read_answer

from store.errors import NotFound, StoreError
from store.ids import new_id
from store.ingester import Ingester
from store.log import Log, Retention, Subject
from store.log.database import Database
from store.log.load import Batch
from store.log.removal import end_of
from store.vocabulary import Feedback, Score, ScoreSource, Tally

DAY = 86_400.0


def at(year, month, day):
    return datetime(year, month, day, tzinfo=UTC).timestamp()


JAN, FEB, MAR = at(2026, 1, 10), at(2026, 2, 10), at(2026, 3, 10)


def score(of, ts):
    fields = {"name": "acc", "version": "1", "value": 1.0, "source": ScoreSource.METRIC}
    return Score(attempt_id=of.attempt_id, call_id=of.call_id, ts=ts, **fields)


def said(target, ts, **fields):
    return Feedback(feedback_id=new_id(), ts=ts, target=target, score=1.0, **fields)


def month_files(house):
    return sorted(path.name for path in (house.root / "log").glob("*.duckdb"))


def reopen(house):
    house.ingester.close()
    house.log.close()
    house.log = Log.open(house.root / "log.duckdb")
    house.ingester = Ingester(house.log, house.root / "journal", read_answer, price)


def add(house, text, ts, **fields):
    made = call(text, ts=ts, **fields)
    answer = attempt(made)
    house.add(made, answer)
    house.log.add_scores([score(answer, ts + 1)])
    return made


def on_disk(house, text):
    files = [house.root / "log.duckdb", house.root / "log.duckdb.wal", *(house.root / "log").rglob("*")]
    return [path.name for path in files if path.is_file() and text.encode() in path.read_bytes()]


def test_a_month_ends_where_the_next_begins():
    assert end_of("2026-01") == at(2026, 2, 1)
    assert end_of("2025-12") == at(2026, 1, 1)


def test_months_are_sealed_oldest_first_a_week_after_their_end(house):
    made = [add(house, f"{n}", ts) for n, ts in enumerate((JAN, FEB, MAR, JAN))]
    house.add(said(made[0].call_id, FEB))
    before = house.log.totals()
    details = [house.log.call(one.call_id) for one in made]
    assert house.log.seal(at(2026, 2, 5)) == []
    assert [part[:7] for part in house.log.seal(at(2026, 3, 9))] == ["2026-01"]
    assert [part[:7] for part in house.log.seal(at(2026, 3, 9))] == ["2026-02"]
    assert house.log.seal(at(2026, 3, 9)) == []
    assert [name[:7] for name in month_files(house)] == ["2026-01", "2026-02"]
    assert house.log.totals().calls == before.calls
    assert [house.log.call(one.call_id) for one in made] == details
    for _ in range(2):
        reopen(house)
        assert [house.log.call(one.call_id) for one in made] == details
    add(house, "late", JAN)
    assert house.log.seal(at(2026, 3, 9)) == [], "it waits for the next month"
    house.log.seal(at(2026, 4, 9))
    assert [name[:7] for name in month_files(house)] == ["2026-01", "2026-02", "2026-03"]
    found = house.log.exchanges(["f" * 32], limit=10)
    assert sorted(e.seq for e in found) == [1, 2, 3, 4, 5]
    house.log.close()
    log = Log.open(house.root / "log.duckdb", read_only=True)
    assert log.totals().calls == 5
    log.close()


def test_sequence_numbers_outlive_every_row(house):
    add(house, "1", JAN)
    house.log.seal(MAR)
    house.log.apply_retention(Retention(days=1.0, now=MAR))
    assert month_files(house) == []
    assert house.log.totals().calls == 0
    reopen(house)
    assert house.log.call(add(house, "2", MAR).call_id).seq == 2


def test_an_erasure_takes_the_bytes_from_every_file_and_leaves_the_others(house):
    secret = [
        add(house, f"mine {n}", ts, user="ann", body=body("PRIVATE-TEXT", system="ONLY-ANN"), tenant="a")
        for n, ts in enumerate((JAN, FEB))
    ]
    others = [add(house, f"theirs {n}", ts, user="bob", tenant="a") for n, ts in enumerate((JAN, FEB))]
    house.add(said(secret[0].call_id, FEB, tenant="a", comment="SAID-ANN"), said(others[0].call_id, FEB))
    completion = house.log.call(secret[1].call_id).attempts[0].completion_id
    house.add(said(completion, FEB, tenant="a", comment="SAID-TOO"), said(completion, FEB, tenant="other"))
    house.log.seal(at(2026, 3, 1))
    kept = [house.log.call(one.call_id) for one in others]
    assert house.log.subject(Subject(kind="user", value="ann")) == [one.call_id for one in secret]
    assert house.log.subject(Subject(kind="user", value="ann", tenant="b")) == []
    assert house.log.subject(Subject(kind="call", value="no id")) == []
    assert {(hit.table, hit.column) for hit in house.log.search(["PRIVATE-TEXT"])} == {("calls", "tail")}
    assert [hit.rows for hit in house.log.search(["ONLY-ANN"])] == [1, 1]
    erased = house.log.erase([one.call_id for one in secret])
    assert (erased.calls, erased.attempts, erased.scores, erased.feedback) == (2, 2, 2, 3)
    assert erased.prompts == 2
    assert [part[:7] for part in erased.files] == ["2026-01", "hot"]
    gone = ["PRIVATE-TEXT", "ONLY-ANN", "SAID-ANN", "SAID-TOO", "ann", completion, secret[0].call_id]
    assert house.log.search(gone) == []
    assert [house.log.call(one.call_id) for one in others] == kept
    again = house.log.erase([one.call_id for one in secret])
    assert (again.calls, again.files) == (0, ())
    house.log.close()
    assert [on_disk(house, text) for text in ("PRIVATE-TEXT", "ONLY-ANN", "SAID-ANN", "SAID-TOO")] == [[]] * 4
    house.log = Log.open(house.root / "log.duckdb")


def test_feedback_that_another_calls_completion_id_explains_stays(house):
    same = b'{"id":"same","choices":[{"finish_reason":"stop"}]}'
    first, second = call("1", ts=JAN), call("2", ts=JAN)
    house.add(first, attempt(first, body=same), second, attempt(second, body=same), said("same", JAN))
    assert house.log.erase([first.call_id]).feedback == 0
    assert house.log.erase([second.call_id]).feedback == 1


@pytest.mark.parametrize("text", ['say "hi"\n', "é", "a\\b"])
def test_a_search_finds_what_json_escaped(house, text):
    made = call("x", ts=JAN, user=text, body=json.dumps({"messages": [{"content": text}]}).encode())
    raw = attempt(made, body=b"\xff" + text.encode())
    house.add(made, raw)
    found = {(hit.table, hit.column) for hit in house.log.search([text])}
    assert found == {("calls", "tail"), ("calls", "user_id"), ("attempts", "raw")}
    assert house.log.search(["", text + "?"]) == []
    assert {hit.column for hit in house.log.search([raw.attempt_id])} == {"attempt_id", "tally_id"} - {
        "tally_id"
    }


def test_a_search_for_whole_words_leaves_longer_ones_out(house):
    house.add(call("x", ts=JAN, user="user-10", body=b'{"messages":[{"content":"a\\nuser-1"}]}'))
    assert {hit.column for hit in house.log.search(["user-1"])} == {"tail", "user_id"}
    assert {hit.column for hit in house.log.search(["user-1"], whole=True)} == {"tail"}


def test_retention_by_task_rewrites_or_drops(house):
    for n, ts in enumerate((JAN, JAN + DAY, FEB)):
        add(house, f"{n}", ts, fingerprint="e" * 32 if n == 1 else "f" * 32)
    house.log.seal(at(2026, 2, 8))
    wanted = Retention(by_fingerprint={"e" * 32: 10.0}, now=FEB)
    removed = house.log.apply_retention(wanted)
    assert (removed.calls, removed.attempts, removed.scores, removed.prompts) == (1, 1, 1, 0)
    assert house.log.apply_retention(wanted).calls == 0
    [before] = month_files(house)
    removed = house.log.apply_retention(Retention(days=20.0, now=FEB))
    assert removed.calls == 1
    assert month_files(house) == [], f"{before} went as a whole"
    assert house.log.totals().calls == 1
    assert house.log.apply_retention(Retention(days=20.0, now=FEB + 20 * DAY + 60)).calls == 0, (
        "not for one minute"
    )
    assert house.log.apply_retention(Retention(days=20.0, now=FEB + 22 * DAY)).calls == 1


def test_a_retention_that_is_interrupted_leaves_no_attempt_without_its_call(house, monkeypatch):
    made = call("open", ts=JAN)
    house.add(made)
    [account] = house.log.accounts()
    house.log.seal(MAR)
    house.log.loader.load(Batch(dead_writers={account.writer}))
    kept = add(house, "kept", MAR)
    [lost] = house.log.call(made.call_id).attempts
    assert (lost.attempt.outcome, lost.attempt.ts > MAR, lost.attempt.started) == ("lost", True, JAN)
    real, exchanges = Database.exchanging, iter((True, False))

    def exchanging(database):
        if not next(exchanges):
            raise StoreError("killed here")
        return real(database)

    monkeypatch.setattr(Database, "exchanging", exchanging)
    wanted = Retention(days=20.0, now=MAR)
    with pytest.raises(StoreError, match="killed here"):
        house.log.apply_retention(wanted)
    monkeypatch.undo()
    with house.log._database.looking() as cursor:
        alone = "SELECT count(*) FROM attempts WHERE call_id NOT IN (SELECT call_id FROM calls)"
        assert cursor.execute(alone).fetchone() == (0,)
    house.log.apply_retention(wanted)
    totals = house.log.totals()
    assert (totals.calls, totals.attempts, totals.lost_calls) == (1, 1, 0)
    assert house.log.call(kept.call_id) is not None


def test_an_attempt_whose_call_never_came_is_as_old_as_its_beginning(house):
    house.add(attempt(call("never came", ts=JAN), ts=MAR))
    add(house, "due", JAN)
    assert house.log.apply_retention(Retention(days=20.0, now=MAR)).attempts == 2


def test_a_backup_is_one_state_while_loading_goes_on(house, tmp_path):
    add(house, "old", JAN)
    house.log.seal(MAR)
    stop = threading.Event()

    def load():
        while not stop.is_set():
            one = call("new", ts=MAR)
            house.add(one, attempt(one))

    loader = threading.Thread(target=load)
    loader.start()
    try:
        copies = [house.log.backup(tmp_path / f"copy{n}") for n in range(3)]
    finally:
        stop.set()
        loader.join()
    assert {path.stat().st_mode & 0o777 for paths in copies for path in paths} == {0o600}
    counts = []
    for n, paths in enumerate(copies):
        assert all(path.is_relative_to(tmp_path / f"copy{n}") for path in paths)
        log = Log.open(tmp_path / f"copy{n}" / "log.duckdb", read_only=True)
        totals = log.totals()
        assert totals.calls == totals.attempts
        counts.append(totals.calls)
        log.close()
    assert counts == sorted(counts)
    assert counts[0] >= 1
    add(house, "after", MAR)


def test_what_is_missing_or_left_over(house):
    add(house, "1", JAN)
    [part] = house.log.seal(MAR)
    house.log.close()
    folder = house.root / "log"
    left = [folder / f"2026-01.{new_id()}.duckdb", folder / f"hot.{new_id()}.draft"]
    for path in left:
        path.write_bytes(b"half")
    (folder / "tmp" / "spilt").mkdir()
    (folder / "mine.txt").write_text("not ours")
    house.log = Log.open(house.root / "log.duckdb")
    assert sorted(path.name for path in folder.iterdir()) == [f"{part}.duckdb", "mine.txt", "tmp"]
    assert len(list((folder / "tmp").iterdir())) == 1
    house.log.close()
    assert list((folder / "tmp").iterdir()) == []
    moved = (folder / f"{part}.duckdb").rename(house.root / "aside")
    with pytest.raises(StoreError, match="is missing: restore it"):
        Log.open(house.root / "log.duckdb")
    moved.rename(folder / f"{part}.duckdb")
    (house.root / "log.duckdb").rename(house.root / "hot")
    with pytest.raises(StoreError, match="sealed months"):
        Log.open(house.root / "log.duckdb")
    with pytest.raises(NotFound):
        Log.open(house.root / "log.duckdb", read_only=True)
    (house.root / "hot").rename(house.root / "log.duckdb")
    house.log = Log.open(house.root / "log.duckdb")


def test_readers_see_every_row_once_while_files_are_exchanged(house):
    made = [add(house, f"{n}", ts) for n, ts in enumerate([JAN] * 5 + [FEB] * 5)]
    wrong, done = [], threading.Event()

    def watch():
        while not done.is_set():
            totals = house.log.totals()
            if (totals.calls, totals.attempts, totals.open_calls) not in {(10, 10, 0), (9, 9, 0)}:
                wrong.append(totals)

    readers = [threading.Thread(target=watch) for _ in range(3)]
    for reader in readers:
        reader.start()
    for now in (MAR, at(2026, 3, 9)):
        house.log.seal(now)
        time.sleep(0.05)
    house.log.erase([made[0].call_id])
    done.set()
    for reader in readers:
        reader.join()
    assert wrong == []
    assert house.log.totals().calls == 9


def test_accounts_hold_tallies_against_what_was_loaded(tmp_path):
    house = House(tmp_path)
    made = call("1", ts=JAN)
    house.add(made, attempt(made), said(made.call_id, JAN))
    [account] = house.log.accounts()
    assert (account.calls_loaded, account.attempts_loaded, account.feedback_loaded) == (1, 1, 1)
    assert (account.tally, account.sealed) == (None, False)
    tallies = [
        Tally(tally_id=new_id(), ts=ts, writer=account.writer, calls_kept=int(ts)) for ts in (1.0, 3.0, 2.0)
    ]
    house.log.loader.load(Batch(tallies=tallies[:1]))
    house.log.loader.load(Batch(tallies=tallies[1:]))
    assert [a.tally for a in house.log.accounts()] == [tallies[-1]], (
        "the last of the journal, whatever its time"
    )
    house.writer.close()
    house.ingester.step()
    [account] = house.log.accounts()
    own = account.tally
    assert (own.calls_kept, own.attempts_kept, own.feedback_kept) == (1, 1, 1), "the writer's, as it closed"
    assert account.sealed
    other = Tally(tally_id=new_id(), ts=1.0, writer="w7", calls_kept=2)
    house.log.loader.load(Batch(tallies=[other]))
    assert [(a.writer, a.calls_loaded, a.sealed) for a in house.log.accounts() if a.tally == other] == [
        ("w7", 0, False)
    ]
    house.log.seal(MAR)
    assert len(house.log.accounts()) == 2
    house.close()


def test_random_lives_keep_the_rows_that_a_model_keeps(house):
    rng = random.Random(11)
    model: dict[str, float] = {}
    now = at(2026, 1, 1)
    for turn in range(40):
        now += rng.uniform(0, 6) * DAY
        match rng.choice(["add", "add", "add", "seal", "erase", "retain", "reopen"]):
            case "add":
                for _ in range(rng.randrange(1, 4)):
                    ts = now - rng.uniform(0, 40) * DAY * (rng.random() < 0.2)
                    model[add(house, f"{turn}", ts).call_id] = ts
            case "seal":
                house.log.seal(now)
            case "erase" if model:
                gone = rng.sample(sorted(model), k=min(2, len(model)))
                assert house.log.erase(gone).calls == len(gone)
                for one in gone:
                    del model[one]
            case "retain":
                house.log.apply_retention(Retention(days=60.0, now=now))
                kept = {one for one in model if house.log.call(one) is not None}
                assert {one for one, ts in model.items() if ts >= now - 60 * DAY} <= kept
                assert kept <= {one for one, ts in model.items() if ts >= now - 61 * DAY}
                model = {one: model[one] for one in kept}
            case "reopen":
                reopen(house)
        found = house.log.exchanges(["f" * 32], limit=1_000, score_name="acc")
        assert sorted(e.call_id for e in found) == sorted(model)
        assert all(e.score == 1.0 for e in found)
        totals = house.log.totals()
        assert (totals.calls, totals.attempts, totals.scores) == (len(model),) * 3
        assert len({e.seq for e in found}) == len(found)
