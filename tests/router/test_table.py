import asyncio
import contextlib
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st
from makers import FAST, Watch, rollout, student

from router import publish
from router.feed import RouteFeed
from router.table import Table
from store.control import Control
from store.errors import StoreError
from store.template import Run, Template
from store.vocabulary import Capabilities, Pairing, Route, State, TaskVersion, Who

VERSION = TaskVersion(task_id="t", version=1, head_hash="h", fingerprints=("f",))
texts = st.text(max_size=10)


def route(state=State.CANARY_25, **changes) -> Route:
    made = publish.route(rollout(state, **changes), student(), VERSION, FAST, epoch=1, now=1.0, drawing=True)
    assert made is not None
    return made


def choose(table, unit="u", call_id="c", barred=None, fingerprint="f", *, slices=()):
    return table.choose(fingerprint=fingerprint, unit=unit, call_id=call_id, barred=barred, slices=slices)


@given(texts, texts, texts, st.one_of(st.none(), texts), st.sampled_from(list(State)))
def test_somebody_always_answers(fingerprint, unit, call_id, barred, state):
    made = publish.route(rollout(state), student(), VERSION, FAST, epoch=1, now=1.0, drawing=True)
    table = Table.of([made] if made else [])
    for name in (fingerprint, "f"):
        choice = choose(table, unit, call_id, barred, name)
        if choice.who == Who.STUDENT:
            assert barred is None
            assert state in {State.CANARY_1, State.CANARY_5, State.CANARY_25, State.CANARY_50, State.FULL}


def test_shares_holdback_and_nesting():
    units = [str(i) for i in range(20_000)]
    before: set[str] = set()
    for state, share in (
        (State.SHADOW, 0.0),
        (State.CANARY_5, 0.05),
        (State.CANARY_50, 0.5),
        (State.FULL, 0.98),
    ):
        table = Table.of([route(state)])
        choices = {unit: choose(table, unit) for unit in units}
        served = {unit for unit, choice in choices.items() if choice.who == Who.STUDENT}
        assert abs(len(served) / len(units) - share) < 0.012
        assert before <= served
        held = {unit for unit, choice in choices.items() if choice.reason == "holdback"}
        assert abs(len(held) / len(units) - 0.02) < 0.004
        assert not held & served
        before = served


def test_pairs_are_drawn_as_often_as_the_route_says():
    half = publish.route(
        rollout(State.CANARY_5), student(), VERSION, FAST.__class__(), epoch=1, now=1.0, drawing=True
    )
    table = Table.of([half])
    drawn = [c for i in range(40_000) if (c := choose(table, str(i), str(i))).who == Who.STUDENT]
    paired = [c for c in drawn if c.pairing == Pairing.REVERSE_SHADOW]
    assert abs(len(paired) / len(drawn) - 0.5) < 0.06
    assert {c.propensity for c in paired} == {0.5}
    held = [c for i in range(40_000) if (c := choose(table, str(i), str(i))).reason == "holdback"]
    shadowed = [c for c in held if c.pairing == Pairing.SHADOW]
    assert {c.propensity for c in shadowed} == {half.shadow}
    assert half.shadow == pytest.approx(6 * 0.05 * 0.5 / 0.95)  # six for each pair that the student serves
    assert abs(len(shadowed) / len(held) - half.shadow) < 0.05


def test_a_barred_call_goes_to_the_teacher_unpaired():
    choice = choose(Table.of([route(State.FULL)]), barred="images")
    assert (choice.who, choice.reason, choice.pairing) == (Who.TEACHER, "images", Pairing.NONE)


def test_a_hold_for_safety_serves_nothing_and_still_shadows():
    held = route(State.HOLD, held_from=State.CANARY_50, serving=False)
    assert (held.share, held.shadow, held.step) == (0.0, 1.0, State.CANARY_50)
    assert route(State.HOLD, held_from=State.CANARY_50).share == 0.5


def test_kept_answers_are_the_operators_word_and_not_the_students():
    boasting = replace(student(), capabilities=Capabilities(stored=True, tools=True))
    for policy in (FAST, replace(FAST, stored=True)):
        made = publish.route(rollout(), boasting, VERSION, policy, epoch=1, now=1.0, drawing=True)
        assert (made.capabilities.stored, made.capabilities.tools) == (policy.stored, True)


def test_states_that_do_not_serve_publish_nothing():
    for state in (State.DRAFT, State.OFFLINE, State.AWAITING_APPROVAL, State.ROLLING_BACK, State.REJECTED):
        assert publish.route(rollout(state), student(), VERSION, FAST, epoch=1, now=1.0, drawing=True) is None


def live(tmp_path, clock):
    control = Control.open(tmp_path / "control.sqlite")
    epoch = control.take_epoch("test")
    control.save_route(route(State.FULL), epoch)
    control.heartbeat(epoch, clock.now)
    return control, epoch, RouteFeed(control, tmp_path / "STOP", clock)


def by_student(feed):
    return sum(choose(feed, str(i)).who == Who.STUDENT for i in range(50))


def test_a_stale_table_serves_the_teacher_until_it_is_fresh(tmp_path):
    clock = Watch()
    control, epoch, feed = live(tmp_path, clock)
    assert choose(feed).reason == "no_route"
    feed.refresh()
    assert by_student(feed) > 40
    for away in (61.0, -61.0):
        clock.now += away
        assert {choose(feed, str(i)).reason for i in range(50)} == {"stale_routes"}
        assert feed.state() == "stale"
        clock.now -= away
    clock.now += 61.0
    control.heartbeat(epoch, clock.now)
    feed.refresh()
    assert by_student(feed) > 40
    control.close()


def test_the_stop_file_works_without_any_reading(tmp_path):
    clock = Watch()
    control, _, feed = live(tmp_path, clock)
    feed.refresh()
    assert by_student(feed) > 40
    control.close()
    (tmp_path / "STOP").touch()
    clock.now += 0.5
    assert choose(feed).reason == "stopped"
    assert feed.state() == "stopped"
    (tmp_path / "STOP").unlink()
    clock.now += 0.5
    assert by_student(feed) > 40


TEMPLATE = Template(template_id="a" * 32, scope="5" * 16, runs=(Run(words=("sort",)),), open_end=True)


def test_templates_are_read_when_they_were_published_anew_and_not_with_each_heartbeat(tmp_path):
    clock = Watch()
    control, epoch, feed = live(tmp_path, clock)
    feed.refresh()
    assert len(feed.templates) == 0
    control.publish_templates([TEMPLATE], epoch)
    feed.refresh()
    assert feed.templates.find("5" * 16, ("sort", "it")) == TEMPLATE.template_id
    read = feed.templates
    control.heartbeat(epoch, clock.now)
    feed.refresh()
    assert feed.templates is read
    control.publish_templates([], epoch)
    feed.refresh()
    assert len(feed.templates) == 0
    control.close()


def test_stale_templates_name_a_call_and_let_no_student_answer(tmp_path):
    clock = Watch()
    control, epoch, feed = live(tmp_path, clock)
    control.publish_templates([TEMPLATE], epoch)
    control.save_route(replace(route(State.FULL), fingerprints=(TEMPLATE.template_id,)), epoch)
    feed.refresh()
    by_template = [choose(feed, str(i), fingerprint=TEMPLATE.template_id).who for i in range(50)]
    assert by_template.count(Who.STUDENT) > 40
    clock.now += 61
    feed.refresh()
    assert len(feed.templates) == 1
    stale = {choose(feed, str(i), fingerprint=TEMPLATE.template_id).reason for i in range(50)}
    assert stale == {"stale_routes"}
    control.close()


def test_a_rollback_waits_for_no_template(tmp_path, monkeypatch):
    control, epoch, feed = live(tmp_path, Watch())
    feed.refresh()
    assert by_student(feed) > 40
    control.publish_templates([TEMPLATE], epoch)
    monkeypatch.setattr(control, "templates", lambda: 1 / 0)
    control.save_route(replace(route(State.FULL), share=0.0), epoch)
    feed.refresh()
    assert by_student(feed) == 0
    control.close()


class Broken:
    """A control state that cannot be read."""

    def data_version(self):
        raise StoreError("the disk is gone")

    heartbeat_at = routes = data_version


async def test_an_unreadable_control_state_harms_no_request(tmp_path):
    feed = RouteFeed(Broken(), tmp_path / "STOP", Watch(), poll_s=0.01)
    running = asyncio.create_task(feed.run())
    await asyncio.sleep(0.05)
    assert not running.done()
    assert choose(feed).who == Who.TEACHER
    running.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await running


async def test_it_follows_what_is_published(tmp_path):
    clock = Watch()
    control, epoch, feed = live(tmp_path, clock)
    feed = RouteFeed(control, tmp_path / "STOP", clock, poll_s=0.01)
    running = asyncio.create_task(feed.run())
    for state, share in ((State.FULL, 0.98), (State.CANARY_1, 0.01)):
        control.save_route(route(state), epoch)
        for _ in range(200):
            if (seen := feed.route("f")) is not None and seen.share == share:
                break
            await asyncio.sleep(0.01)
        assert feed.route("f").share == share
    running.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await running
    control.close()


def test_a_hold_that_froze_no_step_publishes_nothing():
    held = rollout(State.HOLD)
    assert held.held_from is None
    made = publish.route(held, student(), VERSION, FAST, epoch=1, now=1.0, drawing=True)
    assert made is None


SLICES = st.lists(st.sampled_from(["length:long", "length:short", "tools:none", "language:de"]), unique=True)


@given(st.tuples(texts, texts), SLICES, SLICES, SLICES, st.sampled_from(list(State)))
def test_what_the_teacher_keeps_is_never_the_students_and_all_else_falls_as_before(
    call, slices, excluded, unproven, state
):
    unit, call_id = call
    made = publish.route(rollout(state), student(), VERSION, FAST, epoch=1, now=1.0, drawing=True)
    if made is None:
        return
    kept = replace(made, excluded=tuple(excluded), unproven=tuple(unproven))
    plain = choose(Table.of([made]), unit, call_id, slices=tuple(slices))
    found = choose(Table.of([kept]), unit, call_id, slices=tuple(slices))
    assert found.slices == tuple(slices)
    if set(slices) & set(excluded):
        assert (found.who, found.reason, found.pairing) == (Who.TEACHER, "slice", Pairing.NONE)
    elif set(slices) & set(unproven):
        assert (found.who, found.reason) == (Who.TEACHER, "slice_unproven")
        assert (found.pairing, found.propensity) in {(Pairing.NONE, 0.0), (Pairing.SHADOW, made.shadow)}
    else:
        assert found == plain


def test_a_slice_that_is_not_proven_yet_is_shadowed():
    kept = replace(route(), unproven=("language:de",))
    found = [choose(Table.of([kept]), call_id=str(n), slices=("language:de",)) for n in range(2_000)]
    drawn = [choice for choice in found if choice.pairing == Pairing.SHADOW]
    assert abs(len(drawn) / len(found) - kept.shadow) < 0.05
