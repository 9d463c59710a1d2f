"""The three equations, and who tells of it when one does not hold."""

import json
import os
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st
from makers import FAST, rollout

from gateway.capture import read_answer
from router.streams.stored import StoreWatch
from stillhouse import auditor
from stillhouse.admin import metrics
from stillhouse.auditor import Auditor
from stillhouse.journal import LateJournal, figures
from stillhouse.ledger import Written, draw_up
from stillhouse.processes.alive import Figures, Voice, WorkerState
from stillhouse.settings.tree import Settings
from stillhouse.views.doctor import examine
from stillhouse.views.status import status
from stillhouse.views.stores import Stores
from store.backlog import Backlog, Watch
from store.clock import HOLD_S, Jumps, Reading
from store.control import Control
from store.ids import new_id
from store.ingester import Ingester
from store.journal.counts import Counts
from store.log import Log
from store.paths import DataFolder
from store.vocabulary import Attempt, Call, Role, State, Who

small = st.integers(0, 1000)
some = st.builds(Counts, small, small, small)


def state(**given_figures):
    return WorkerState(name="worker-0", pid=os.getpid(), figures=Figures(writer="w0-1-2", **given_figures))


def drawn(states=(), written=()):
    return draw_up(1.0, states, written, Backlog())


def plus(one, other):
    return Counts(one.calls + other.calls, one.attempts + other.attempts, one.feedback + other.feedback)


@given(some, some, small, small)
def test_a_worker_that_adds_up_is_not_named(kept, lost, in_flight, unsent):
    sent = kept.attempts + lost.attempts + in_flight
    unsent = min(unsent, sent)
    said = state(
        sent=sent - unsent, unsent=unsent, in_flight=in_flight, asked=plus(kept, lost), kept=kept, lost=lost
    )
    assert drawn([said]).unaccounted == ()


@given(some, some, st.integers(-5, 5).filter(bool))
def test_an_exchange_too_few_or_too_many_is_named(kept, lost, off):
    sent = kept.attempts + lost.attempts + 10
    said = state(sent=sent + off, in_flight=10, asked=plus(kept, lost), kept=kept, lost=lost)
    [found] = drawn([said]).unaccounted
    assert (found.writer, found.records) == ("w0-1-2", abs(off))
    assert found.text.startswith(f"{abs(off)} ")
    assert "worker-0" in found.text


@pytest.mark.parametrize("kind", ["calls", "attempts", "feedback"])
@pytest.mark.parametrize("off", [-1, 2])
def test_a_record_neither_kept_nor_lost_is_named(kind, off):
    asked = Counts(10, 10, 10)
    setattr(asked, kind, 10 + off)
    said = state(sent=10, asked=asked, kept=Counts(8, 9, 10), lost=Counts(2, 1, 0))
    [found] = drawn([said]).unaccounted
    assert found.records == abs(off)


@given(some, some, st.integers(0, 5))
def test_a_writer_of_which_less_was_loaded_than_its_tally_says_is_named(loaded, more, aside):
    kept = plus(loaded, more)
    one = Written(writer="w1", kept=kept, lost=Counts(), loaded=loaded, aside=aside)
    found = drawn(written=[one]).unaccounted
    missing = more.total - aside
    assert [(f.writer, f.records) for f in found] == ([("w1", missing)] if missing > 0 else [])
    killed = Written(writer="w1", kept=loaded, lost=Counts(), loaded=kept, aside=0)
    assert drawn(written=[killed]).unaccounted == (), "one that was killed kept some after its last tally"


def test_sums_take_the_living_at_their_word_and_the_others_at_their_tally():
    living = state(sent=4, in_flight=1, asked=Counts(3, 3, 1), kept=Counts(3, 2, 1), lost=Counts(0, 1, 0))
    theirs = Written(writer="w0-1-2", kept=Counts(1, 1, 0), lost=Counts(), loaded=Counts(2, 1, 0), aside=0)
    other = Written(writer="w9", kept=Counts(5, 5, 0), lost=Counts(1, 1, 0), loaded=Counts(5, 4, 0), aside=1)
    found = drawn([living], [theirs, other])
    assert found.kept == Counts(8, 7, 1)
    assert found.lost == Counts(1, 2, 0)
    assert found.loaded == Counts(7, 5, 0)
    assert (found.sent, found.in_flight, found.aside, found.unaccounted) == (4, 1, 1, ())


@pytest.fixture
def place(tmp_path):
    folder = DataFolder(tmp_path).create()
    upstream = {"name": "none", "base_url": "http://127.0.0.1:9/v1"}
    settings = Settings.model_validate({"data": tmp_path, "upstreams": [upstream]})
    log, control = Log.open(folder.log), Control.open(folder.control)
    yield Stores(log=log, control=control, folder=folder, settings=settings, live=True)
    log.close()
    control.close()


def pair():
    call = Call(call_id=new_id(), ts=1.0)
    return call, Attempt(
        attempt_id=new_id(), call_id=call.call_id, ts=1.0, role=Role.SERVE, who=Who.TEACHER, served=True,
        model="m", upstream="u",
    )  # fmt: skip


class Sums:
    sent = unsent = in_flight = 0


def test_from_a_workers_journal_to_doctor_status_and_metrics(place, monkeypatch):
    """Records are kept, tallied, loaded and added up; one that vanishes is an error with its writer and number."""
    monkeypatch.setattr(auditor, "REST", 0.0)
    run, sums = place.folder.run, Sums()
    journal = LateJournal(place.folder.journal, "w0", place.settings)
    ingester = Ingester(place.log, place.folder.journal, read_answer, lambda *_: None)
    voice, looking = Voice(run, "worker-0"), Auditor(run, place.log, ingester)
    for _ in range(3):
        for record in pair():
            journal.append(record)
        sums.sent += 1
    voice.say(figures(journal, sums), last=True)
    looking.look()
    before = auditor.ledger(run)
    assert (before.backlog.records, before.backlog.bytes > 0) == (6, True)
    ingester.step()
    looking.look()
    found = auditor.ledger(run)
    assert (found.kept, found.loaded) == (Counts(3, 3, 0), Counts(3, 3, 0))
    assert (found.backlog, found.unaccounted) == (Backlog(), ())
    assert status(place)["ledger"]["kept"] == {"calls": 3, "attempts": 3, "feedback": 0}

    sums.sent += 2
    voice.say(figures(journal, sums), last=True)
    looking.look()
    [wrong] = [f for f in examine(place.settings, place) if f["name"] == "unaccounted"]
    assert wrong["level"] == "error"
    assert wrong["text"] == (
        "2 exchanges that worker-0 sent ended without an outcome that was kept or counted as lost."
    )
    text = metrics.render(place).decode()
    assert 'stillhouse_records_kept_total{kind="calls"} 3\n' in text
    assert "stillhouse_unaccounted_records 2\n" in text
    assert "stillhouse_lag_seconds 0\n" in text
    journal.close()
    (run / "worker-0.json").unlink()  # the worker is gone; its tally stays
    ingester.step()
    looking.look()
    assert auditor.ledger(run).kept == Counts(3, 3, 0)
    assert {f["name"]: f["level"] for f in examine(place.settings, place)}["accounts"] == "ok"
    ingester.close()


class Clocks:
    def __init__(self):
        self.wall, self.steady = 1e9, 500.0

    def pass_(self, seconds, wall=None):
        self.steady += seconds
        self.wall += seconds if wall is None else wall

    def jumps(self, boot="b1", last=None):
        return Jumps(boot, last, wall=lambda: self.wall, clock=lambda: self.steady)


@pytest.mark.parametrize("by", [-3601.0, 3601.0, 1e8])
def test_a_clock_that_jumps_holds_back_for_a_day(by):
    clocks = Clocks()
    seen = clocks.jumps()
    clocks.pass_(60.0, 60.0 + by)
    assert seen.look()
    assert not seen.look()
    assert seen.reading.jumped_s == pytest.approx(by)
    assert seen.held
    clocks.pass_(HOLD_S - 1)
    assert seen.held
    clocks.pass_(2.0)
    assert not seen.held


@given(st.lists(st.tuples(st.floats(0, 1e6), st.floats(-3599, 3599)), max_size=20))
def test_a_clock_that_drifts_or_is_corrected_holds_nothing_back(moves):
    clocks = Clocks()
    seen = clocks.jumps()
    for gone, off in moves:
        clocks.pass_(gone, gone + off)
        assert not seen.look()
    assert not seen.held


def test_a_jump_between_two_runs_is_noticed_and_a_hold_outlives_its_process():
    clocks = Clocks()
    left = clocks.jumps().reading
    clocks.pass_(100.0, 8_000.0)
    seen = clocks.jumps(last=left)
    assert seen.look()
    again = clocks.jumps(last=seen.reading)
    assert again.held
    assert not again.look()


def test_after_a_restart_of_the_machine_only_a_clock_set_back_is_seen():
    clocks = Clocks()
    left = clocks.jumps().reading
    clocks.steady, clocks.wall = 3.0, clocks.wall + 1e6
    assert not clocks.jumps("b2", left).held
    clocks.wall = left.wall - 7200
    seen = clocks.jumps("b2", left)
    assert seen.held
    assert seen.reading.jumped_s == pytest.approx(-7200)
    assert not seen.look()
    held = Reading(boot="b1", wall=1.0, steady=5.0, held_until=10.0)
    assert clocks.jumps("b2", held).held, "a hold begins anew: how long the machine was off is not known"


def test_what_a_worker_loses_and_what_waits_too_long_reaches_the_rollouts_as_an_outage(place):
    """From a worker's own counts, through the ledger, to the finding that holds a rollout."""
    run, sums, clock = place.folder.run, Sums(), [0.0]
    journal = LateJournal(place.folder.journal, "w0", place.settings)
    ingester = Ingester(place.log, place.folder.journal, read_answer, lambda *_: None)
    voice, looking = Voice(run, "worker-0"), Auditor(run, place.log, ingester)
    watch, live = StoreWatch(looking.books, lambda: clock[0]), rollout(State.CANARY_5)
    assert watch(live, FAST) == [], "nobody has drawn up a ledger yet"
    said = figures(journal, sums)
    for lost, found in ((2, []), (2, []), (7, ["store_outage"])):
        voice.say(replace(said, lost=Counts(attempts=lost)), last=True)
        looking.look()
        clock[0] += 5.0
        assert [one.cause for one in watch(live, FAST)] == found
    for _ in range(6):
        clock[0] += 10.0
        held = watch(live, FAST)
    assert held == []
    ages = [0.0]
    ingester._watch = Watch(place.folder.journal, clock=lambda: ages[0])
    journal.append(pair()[0])
    for age, waiting in ((0.0, []), (130.0, ["store_outage"])):  # the ingester stands still
        ages[0], clock[0] = age, clock[0] + 5.0
        looking.look()
        assert [one.cause for one in watch(live, FAST)] == waiting
    ingester.step()
    looking.look()
    for _ in range(7):
        clock[0] += 10.0
        held = watch(live, FAST)
    assert held == [], "it goes on once the log has what waited"
    journal.close()
    ingester.close()


def test_a_clock_that_jumped_is_a_warning_of_the_doctor(place):
    ingester = Ingester(place.log, place.folder.journal, read_answer, lambda *_: None)
    looking = Auditor(place.folder.run, place.log, ingester)
    looking.jumps.reading = Reading(**{**as_fields(looking.jumps.reading), "wall": 1.0})
    looking.look()
    [warned] = [f for f in examine(place.settings, place) if f["name"] == "clock"]
    assert warned["level"] == "warning"
    assert looking.jumps.held
    kept = json.loads((place.folder.run / "clock.json").read_text())
    assert kept["held_until"]
    ingester.close()


def as_fields(reading):
    return {name: getattr(reading, name) for name in Reading.__dataclass_fields__}
