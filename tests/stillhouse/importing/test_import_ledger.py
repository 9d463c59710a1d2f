"""What was brought in, in the log: learned from like an app's calls, counted as none, there once."""

import json
import uuid
from contextlib import suppress

import imports
import pytest
from hypothesis import given
from hypothesis import strategies as st
from imports import MODEL, SYSTEM, brought, generation, score, spend, tuning, user
from typer.testing import CliRunner

from gateway import wire
from gateway.capture import read_answer
from gateway.fingerprint import fingerprint
from stillhouse.cli.app import app
from stillhouse.importing import bring as bringing
from stillhouse.importing.bring import bring
from stillhouse.importing.records import Wish
from stillhouse.prices import PriceBook
from store.errors import JournalFull
from store.ids import id_of, new_id
from store.ingester import Ingester
from store.journal.segment import IMPORT
from store.journal.writer import SegmentWriter
from store.log import CallFilter, Log
from store.paths import DataFolder
from store.template import Templates
from store.vocabulary import Attempt, Call, Feedback


class Ground:
    """A data folder with a log and an ingester, all real."""

    def __init__(self, root):
        self.folder = DataFolder(root).create()
        self.log = Log.open(self.folder.log)
        self.ingester = Ingester(self.log, self.folder.journal, read_answer, PriceBook().price)

    def load(self):
        self.ingester.catch_up()
        return self.log.totals()

    def calls(self):
        return [self.log.call(row.call_id) for row in self.log.calls(CallFilter(limit=1000)).rows]

    def close(self):
        self.ingester.close()
        self.log.close()


@pytest.fixture
def ground(tmp_path):
    made = Ground(tmp_path / "data")
    yield made
    made.close()


def tickets(path, number):
    return imports.lines(path, [tuning(f"ticket {n}", "bug") for n in range(number)])


def live(request, tenant=""):
    return fingerprint(wire.parse(json.dumps(request).encode(), max_depth=64).beginning, tenant)


def test_what_was_brought_in_is_learned_from_and_is_no_traffic(tmp_path, ground):
    told = brought(ground.folder.root, "chat", tickets(tmp_path / "f.jsonl", 30), more=["--model", MODEL])
    assert told["calls"] == 30
    totals = ground.load()
    (seen,) = ground.log.seen_fingerprints()
    asked = {"model": MODEL, "messages": [SYSTEM, user("a ticket that the app will send")]}
    assert seen.fingerprint == live(asked) == told["kinds"][0]["fingerprint"]
    counts = ground.log.counts([seen.fingerprint])
    assert (counts.calls, counts.complete) == (30, 30)
    rows = ground.log.exchanges([seen.fingerprint], limit=100)
    assert {e.request["messages"][-1]["content"] for e in rows} == {f"ticket {n}" for n in range(30)}
    assert len(ground.log.unscored([seen.fingerprint], "label", "1", 100)) == 30
    assert (totals.calls, totals.app_calls, totals.lost_calls) == (30, 0, 0)
    assert ground.log.by_task(0.0) == []


def test_a_second_time_adds_nothing_and_more_of_the_same_adds_the_rest(tmp_path, ground):
    root = ground.folder.root
    logs = imports.lines(tmp_path / "a.jsonl", [spend(request_id=f"req-{n}") for n in range(10)])
    brought(root, "litellm", logs)
    first = ground.load()
    assert (first.calls, first.attempts) == (10, 10)
    brought(root, "litellm", logs)
    assert (ground.load().calls, ground.load().attempts) == (10, 10)
    more = imports.lines(tmp_path / "b.jsonl", [spend(request_id=f"req-{n}") for n in range(5, 15)])
    brought(root, "litellm", more, logs)  # and each of them twice in one step
    assert (ground.load().calls, ground.load().attempts) == (15, 15)
    accounts = {account.writer: account for account in ground.log.accounts()}
    assert all(account.tally.calls_kept == account.calls_loaded for account in accounts.values())
    assert len(accounts) == 3
    assert all(writer.startswith("import-") for writer in accounts)


def test_lines_without_an_id_are_told_apart_by_what_they_say_and_how_often(tmp_path, ground):
    same = [tuning("the same", "bug")] * 3
    brought(ground.folder.root, "chat", imports.lines(tmp_path / "a.jsonl", same), more=["--model", MODEL])
    longer = imports.lines(tmp_path / "b.jsonl", [tuning("first", "bug"), *same, *same])
    brought(ground.folder.root, "chat", longer, more=["--model", MODEL])
    assert ground.load().calls == 7


def test_a_call_says_where_it_comes_from_and_keeps_its_own_time(tmp_path, ground):
    path = imports.lines(tmp_path / "spend.jsonl", [spend()])
    brought(ground.folder.root, "litellm", path, more=["--tenant", "app-1", "--task", "triage"])
    ground.load()
    (detail,) = ground.calls()
    call = detail.call
    assert (call.origin, call.choice.reason, call.tenant, call.task_name) == (
        "import",
        "imported",
        "app-1",
        "triage",
    )
    assert (call.user, call.conversation, call.unit, call.ts) == (
        "ann",
        "session-7",
        "session-7",
        1_772_359_200,
    )
    assert call.headers["x-stillhouse-import"] == "litellm"
    assert call.headers["x-stillhouse-import-file"] == "spend.jsonl"
    assert call.headers["x-stillhouse-import-record"] == "req-1"
    assert len(call.headers["x-stillhouse-import-sha256"]) == 64
    made = uuid.UUID(call.call_id)
    assert made.version == 7
    assert made.int >> 80 == 1_772_359_200_000
    (attempt,) = detail.attempts
    assert (attempt.attempt.role, attempt.attempt.upstream) == ("import", "import:litellm")
    assert (attempt.attempt.duration_ms, attempt.finish_reason) == (1500.0, "stop")
    assert attempt.cost_usd == pytest.approx(20 * 0.15e-6 + 0.6e-6)  # of the model that answered
    assert ground.log.totals().cost_usd == 0.0


def test_what_people_said_comes_along_and_counts(tmp_path, ground):
    right = score(id="score-2", dataType="CORRECTION", name="output", value=0, stringValue="bug")
    path = imports.lines(tmp_path / "langfuse.jsonl", [generation(), score(value=0), right])
    told = brought(ground.folder.root, "langfuse", path)
    assert (told["calls"], told["feedback"], told["left_out"]) == (1, 2, [])
    ground.load()
    counts = ground.log.counts([told["kinds"][0]["fingerprint"]])
    assert (counts.feedback, counts.corrections) == (1, 1)
    (exchange,) = ground.log.exchanges([told["kinds"][0]["fingerprint"]], limit=9)
    assert (exchange.feedback, exchange.correction) == (0.0, "bug")
    brought(ground.folder.root, "langfuse", path)
    ground.load()
    assert len(ground.calls()[0].feedback) == 2


def test_files_of_one_export_know_each_other(tmp_path, ground):
    scores = imports.lines(tmp_path / "scores.jsonl", [score()])
    observations = imports.lines(tmp_path / "observations.jsonl", [generation()])
    assert brought(ground.folder.root, "langfuse", observations, scores)["feedback"] == 1


@pytest.mark.parametrize("kept", range(6))
def test_an_import_that_is_killed_leaves_no_half_and_is_finished_by_another(tmp_path, ground, kept):
    """The first writer ends after so many records, as if killed: a call never waits for an end that will not come."""
    path = imports.lines(
        tmp_path / "a.jsonl", [generation(), generation(id="obs-2"), score(observationId="obs-1")]
    )

    class EnoughError(Exception):
        pass

    writer = SegmentWriter(ground.folder.journal, IMPORT, on_full="refuse")

    class Ending:
        left = kept

        def append(self, record):
            if not self.left:
                raise EnoughError
            self.left -= 1
            return writer.append(record)

    with suppress(EnoughError):
        bring("langfuse", [path], Wish(), Ending(), emptied=lambda: True, templates=Templates())
    writer.close()
    assert ground.load().lost_calls == 0
    brought(ground.folder.root, "langfuse", path)
    totals = ground.load()
    assert (totals.calls, totals.attempts, totals.feedback, totals.lost_calls) == (2, 2, 1, 0)


def test_an_export_holds_what_was_brought_in_and_an_erasure_finds_it(tmp_path, ground):
    brought(ground.folder.root, "litellm", imports.lines(tmp_path / "a.jsonl", [spend()]))
    ground.load()
    assert ground.log.export(tmp_path / "out.jsonl") == 1
    assert ground.log.named("user") == ["ann"]


def test_a_dry_run_writes_nothing(tmp_path):
    path = tickets(tmp_path / "f.jsonl", 3)
    told = brought(tmp_path / "data", "chat", path, more=["--model", MODEL, "--dry-run"])
    assert (told["calls"], told["brought"]) == (3, False)
    assert not (tmp_path / "data").exists()


def test_a_record_that_the_gateway_would_refuse_is_named(tmp_path):
    deep = []
    for _ in range(200):
        deep = [deep]
    lines = [
        tuning("a", "b"),
        {**tuning("c", "d", model=MODEL), "metadata": deep},
        tuning("e", "f", model=MODEL),
    ]
    told = brought(tmp_path / "data", "chat", imports.lines(tmp_path / "f.jsonl", lines))
    assert told["calls"] == 1
    assert {left["why"]: left["places"] for left in told["left_out"]} == {
        "it names no model: say with --model which one your app asks for": ["f.jsonl:1"],
        "the gateway would not have taken the request": ["f.jsonl:2"],
    }


def test_nothing_to_bring_in_is_an_error_that_says_why(tmp_path):
    path = imports.lines(tmp_path / "f.jsonl", [{"a": 1}])
    result = CliRunner().invoke(app, ["import", "chat", str(path), "--data", str(tmp_path / "data")])
    assert result.exit_code == 1
    assert "Left out: 1, it is neither messages nor a request with its response (f.jsonl:1)." in result.output


def test_the_terminal_says_what_comes_next(tmp_path):
    path = tickets(tmp_path / "f.jsonl", 3)
    result = CliRunner().invoke(
        app, ["import", "chat", str(path), "--model", MODEL, "--data", str(tmp_path / "data")]
    )
    assert "3 complete of 3  gpt-4o-mini  Name the queue of the ticket" in result.output
    assert "[497 more are needed]" in result.output
    assert "`stillhouse up` loads them" in result.output


def test_a_full_journal_is_waited_for_and_then_named(tmp_path, monkeypatch):
    monkeypatch.setattr(bringing, "_DISK_S", 0.0)
    path = tickets(tmp_path / "f.jsonl", 2)

    class Full:
        refusals = 3

        def __init__(self):
            self.kept = []

        def append(self, record):
            if self.refusals:
                self.refusals -= 1
                raise JournalFull("The journal is full.")
            self.kept.append(record)
            return True

    patient = Full()
    bring("chat", [path], Wish(model=MODEL), patient, emptied=lambda: True, templates=Templates())
    assert [type(record) for record in patient.kept] == [Attempt, Call, Attempt, Call]
    with pytest.raises(Exception, match="import again"):
        bring("chat", [path], Wish(model=MODEL), Full(), emptied=lambda: False, templates=Templates())


def test_feedback_never_outgrows_its_columns(tmp_path, ground):
    loud = score(value=1, comment="x" * 50_000, name="n" * 5000)
    brought(ground.folder.root, "langfuse", imports.lines(tmp_path / "a.jsonl", [generation(), loud]))
    ground.load()
    (said,) = ground.calls()[0].feedback
    assert isinstance(said, Feedback)
    assert (len(said.comment), len(said.label)) == (10_000, 256)


@given(ts=st.floats(0, 4e9), later=st.floats(0.002, 1e6), part=st.binary())
def test_ids_of_parts_are_the_same_each_time_and_sort_by_their_time(ts, later, part):
    assert id_of(ts, part) == id_of(ts, part)
    assert id_of(ts, part) != id_of(ts, part, b"")
    assert id_of(ts, part) < id_of(ts + later, part)
    assert uuid.UUID(id_of(ts, part)).version == uuid.UUID(new_id()).version == 7
