"""The controller over a real control state: the whole way of a rollout, and what disturbs it."""

from dataclasses import replace

import pytest
from makers import FAST, House, drawn

from router.errors import RolloutRefused
from router.explain import explain
from router.replay import differences
from store.errors import StaleEpoch
from store.vocabulary import JobKind, ObservationKind, Outcome, State, TaskMode, Who


def replayed(house) -> list[str]:
    rollout = house.latest()
    return differences(
        rollout,
        house.control.transitions(rollout_id=rollout.rollout_id),
        house.control.observations(rollout.rollout_id),
    )


def path(house) -> list[str]:
    return [str(t.target) for t in house.control.transitions(rollout_id=house.latest().rollout_id)]


def test_an_equal_student_reaches_full_and_the_record_replays(house):
    house.open()
    house.until(State.FULL)
    assert path(house) == ["offline", "shadow", "canary_1", "canary_5", "canary_25", "canary_50", "full"]
    [route] = house.control.routes()
    assert (route.step, route.share, route.holdback) == (State.FULL, 0.98, 0.02)
    assert replayed(house) == []
    story = explain(house.control.transitions(), house.latest(), house.policy, now=house.clock.now)
    assert "answers 98% of calls" in story.headline
    assert len(story.happened) == 7
    assert any("lower bound" in line for line in story.lines())


def test_every_share_follows_its_committed_transition(house):
    house.open()
    for _ in range(60):
        for made in house.tick():
            [row] = [t for t in house.control.transitions() if t.transition_id == made.transition_id]
            assert row.epoch == house.epoch
        routes = house.control.routes()
        if routes:
            assert routes[0].share == house.control.transitions()[-1].share
        house.play(40)


def test_a_bad_student_never_leaves_shadow_and_the_teacher_keeps_all(house):
    house.open()
    house.until(State.ROLLED_BACK, student_score=0.0)
    assert "canary_1" not in path(house)
    assert house.control.routes() == []
    assert house.control.transitions()[-2].cause in {"harm", "late_regression"}
    assert replayed(house) == []


def test_a_student_that_goes_bad_at_full_is_caught_and_a_new_one_is_asked_for(house):
    house.open()
    house.until(State.FULL)
    house.play(2000)
    house.tick()
    house.until(State.ROLLED_BACK, student_score=0.0, batch=10)
    regression = next(t for t in house.control.transitions() if t.cause == "late_regression")
    counted = [o for o in house.observed() if o.d == -1.0]
    assert len(counted) < 60
    assert regression.source == State.FULL
    assert [(job.kind, job.due) for job in house.control.jobs()] == [(JobKind.DISTILL, regression.ts)]
    assert replayed(house) == []


def test_a_failed_screen_spends_no_alpha(house):
    house.open(delta_lower=-0.2, verdict="fail")
    house.tick()
    assert house.state() == State.REJECTED
    assert house.control.task("t").trials == 0
    assert house.control.routes() == []


def test_each_try_spends_its_part_of_alpha(house):
    house.open()
    house.until(State.ROLLED_BACK, student_score=0.0)
    house.clock.now += 10
    house.open("s2", created=house.clock.now)
    assert house.latest().trial == 2


def test_one_student_at_a_time_is_on_its_way(house):
    first = house.open()
    assert house.open().rollout_id == first.rollout_id  # asked again after a crash
    house.tick()
    with pytest.raises(RolloutRefused, match="newer student waits"):
        house.open("s2", created=house.clock.now)


def test_a_newer_student_supersedes_one_at_full_once_it_is_shadowed(house):
    first = house.open()
    house.until(State.FULL)
    house.clock.now += 10
    house.open("s2", created=house.clock.now)
    house.tick()
    assert house.control.rollout(first.rollout_id).state == State.SUPERSEDED
    [route] = house.control.routes()
    assert (route.student_id, route.step, route.share) == ("s2", State.SHADOW, 0.0)


def test_approve_waits_for_a_person_and_counts_nothing_meanwhile(tmp_path):
    house = House(tmp_path, replace(FAST, mode=TaskMode.APPROVE))
    house.open()
    house.until(State.AWAITING_APPROVAL)
    before = house.latest().consumed_seq
    assert house.control.routes() == []
    house.log.add(*(drawn(seq) for seq in range(house.seq + 1, house.seq + 50)))
    house.tick()
    assert house.latest().consumed_seq == before
    order = house.order("approve")
    house.tick()
    assert house.outcome_of(order) == "done"
    assert house.state() == State.CANARY_1
    assert replayed(house) == []
    house.close()


def test_observe_never_leaves_shadow_and_spends_nothing(tmp_path):
    house = House(tmp_path, replace(FAST, mode=TaskMode.OBSERVE))
    house.open()
    for score in (1.0, 0.0):
        for _ in range(20):
            house.tick()
            house.play(400, score)
    assert house.state() == State.SHADOW
    assert house.control.task("t").trials == 0
    order = house.order("force")
    house.tick()
    assert "observe" in house.outcome_of(order)
    house.close()


def test_the_breaker_gives_all_to_the_teacher_and_back_when_shadow_calls_succeed(house):
    house.open()
    house.until(State.CANARY_25)
    house.log.outcomes += [(house.clock.now + 0.1, Outcome.TIMEOUT)] * 5
    house.tick()
    held = house.latest()
    assert (held.state, held.held_from, held.serving) == (State.HOLD, State.CANARY_25, False)
    [route] = house.control.routes()
    assert (route.share, route.shadow, route.step) == (0.0, 1.0, State.CANARY_25)
    house.tick()
    assert house.state() == State.HOLD
    house.play(10)
    house.tick()
    assert house.latest().state == State.CANARY_25
    assert house.control.transitions()[-1].cause == "recovered"
    house.tick()
    assert house.state() in {State.CANARY_25, State.CANARY_50}  # old failures do not trip it again
    assert replayed(house) == []


def test_a_student_whose_server_works_again_but_answers_badly_is_not_let_back(house):
    house.open()
    house.until(State.CANARY_25)
    house.log.outcomes += [(house.clock.now + 0.1, Outcome.TIMEOUT)] * 5
    house.tick()
    house.tick()
    house.play(12, 0.8)
    house.tick()
    assert house.state() == State.HOLD
    house.play(10)
    house.tick()
    assert house.state() == State.CANARY_25
    assert replayed(house) == []


def test_a_hold_of_more_than_a_day_is_rolled_back(house):
    house.open()
    house.until(State.CANARY_5)
    house.order("pause")
    house.tick()
    assert (house.state(), house.control.routes()[0].share) == (State.HOLD, 0.05)
    house.tick(86_401.0)
    assert house.state() == State.ROLLED_BACK
    assert replayed(house) == []


def test_a_forced_step_is_marked_and_stays_under_the_harm_tests(house):
    house.open()
    house.tick()
    refused, forced = house.order("force", reason=""), house.order("force", order_id="o-force")
    house.tick()
    assert "needs a reason" in house.outcome_of(refused)
    assert house.outcome_of(forced) == "done"
    assert house.state() == State.CANARY_1
    assert house.latest().evidence["unverified"] == ["canary_1"]
    house.until(State.ROLLED_BACK, student_score=0.0)
    assert replayed(house) == []


def test_an_order_is_carried_out_once_even_if_its_end_was_not_written(house):
    house.open()
    house.tick()
    order = house.order("force")
    finish = house.control.finish_order
    house.control.finish_order = lambda *_: (_ for _ in ()).throw(StaleEpoch("killed here"))
    with pytest.raises(StaleEpoch):
        house.tick()
    house.control.finish_order = finish
    house.controller = house.another()
    house.tick()
    assert house.state() == State.CANARY_1
    assert house.outcome_of(order) == "done"


def test_spent_shadow_money_stops_the_drawing_and_nothing_else(house):
    house.open()
    house.until(State.CANARY_5)
    house.log.usd = 5.0
    house.tick()
    [route] = house.control.routes()
    assert (route.shadow, route.reverse_shadow, route.share) == (0.0, 0.0, 0.05)
    house.log.usd = 4.9
    house.tick()
    assert house.control.routes()[0].reverse_shadow == 1.0


def test_a_teacher_without_a_known_price_is_not_free(house):
    house.open()
    house.until(State.CANARY_5)
    house.log.unpriced = 499
    house.tick()
    assert house.control.routes()[0].reverse_shadow == 1.0
    house.log.unpriced = 500
    house.tick()
    assert house.control.routes()[0].reverse_shadow == 0.0
    house.policy = replace(house.policy, unknown_usd_per_call=0.0)  # a model of one's own
    house.tick()
    assert house.control.routes()[0].reverse_shadow == 1.0


def test_a_new_leader_takes_over_and_the_old_one_is_fenced(house):
    house.open()
    house.until(State.CANARY_5)
    old = house.controller
    house.epoch = house.control.take_epoch("second")
    house.controller = house.another()
    house.tick()
    assert house.control.routes()[0].epoch == house.epoch
    with pytest.raises(StaleEpoch):
        old.tick()


def test_new_fingerprints_of_the_version_reach_the_route(house):
    house.open()
    house.tick()
    [version] = house.control.versions("t")
    house.control.save_version(replace(version, fingerprints=("f", "g")), house.epoch)
    house.tick()
    assert house.control.routes()[0].fingerprints == ("f", "g")


# -- adversarial: numbers as in docs/cutover.md


def test_3_late_bad_scores_cannot_promote(house):
    """Losses arrive late: only the contiguous prefix counts, so good news alone moves nothing."""
    house.open()
    house.tick()
    for i in range(600):
        bad = i % 5 == 0
        house.log.add(drawn(i + 1, None if bad else 1.0, ts=house.clock.now))
    house.tick()
    assert house.latest().consumed_seq == 0
    assert house.state() == State.SHADOW
    for seq in range(1, 601, 5):
        house.log.add(replace(house.log.rows[seq], student_score=0.0))
    house.tick()
    assert house.state() == State.ROLLED_BACK


def test_3_scores_that_never_come_are_missing_and_never_promote(house):
    house.open()
    house.tick()
    for i in range(600):
        house.log.add(drawn(i + 1, None if i % 5 == 0 else 1.0, ts=house.clock.now))
    for _ in range(120):
        house.tick(10.0)
    cells = house.latest().evidence["cells"]
    assert sum(cell["missing"] for cell in cells) == 120
    assert house.state() == State.SHADOW


def test_4_a_burst_of_retries_counts_once(house):
    house.open()
    house.tick()
    for seq in range(1, 21):
        house.log.add(drawn(seq, ts=house.clock.now, input_hash="same", unit="same"))
    house.tick()
    kinds = [o.kind for o in house.observed()]
    assert kinds == [ObservationKind.PAIRED] + [ObservationKind.VOID] * 19
    house.controller = house.another()  # it is not forgotten over a restart
    house.log.add(drawn(21, ts=house.clock.now, input_hash="same", unit="same"))
    house.tick()
    assert house.observed()[-1].kind == ObservationKind.VOID


def test_5_a_latency_collapse_hidden_by_fallback_is_rolled_back(house):
    """The app sees good answers, the teacher's; the student's timeouts count as its failures all the same."""
    house.open()
    house.until(State.CANARY_25)
    for _ in range(40):
        if house.state() == State.ROLLED_BACK:
            break
        house.play(10, None, student_outcome=Outcome.TIMEOUT, served_by=Who.STUDENT)
        house.tick()
    assert house.state() == State.ROLLED_BACK


@pytest.mark.parametrize("jump", [86_400.0, -86_400.0])
def test_8_clock_jumps_and_late_logs_change_no_decision(tmp_path, jump):
    paths = []
    for disturbed in (False, True):
        folder = tmp_path / str(disturbed)
        folder.mkdir()
        house = House(folder)
        house.open()
        house.tick()
        for block in range(60):
            house.play(40, 1.0 if block % 4 else 0.9)
            consumed = house.latest().consumed_seq
            waiting = [seq for seq in house.log.rows if seq > consumed]
            held_back = {seq: house.log.rows[seq] for seq in waiting[::7]}
            if disturbed:
                for row in held_back.values():
                    house.log.add(replace(row, student_score=None))
                house.tick(jump if block == 20 else 1.0)
                house.log.add(*held_back.values())
            house.tick()
        paths.append([(t.target, t.cause) for t in house.control.transitions()][:6])
        house.close()
    assert paths[0] == paths[1]


def test_9_killed_at_any_write_it_ends_the_same(tmp_path):
    whole = _played(tmp_path / "whole")
    assert whole[-1] == "full"
    for kill_at in range(1, 16, 2):
        for before in (True, False):
            assert _played(tmp_path / f"{kill_at}{before}", kill_at, before=before) == whole


class _Killed(BaseException):
    pass


class _Mortal:
    """A control state whose n-th write kills the process, before or after it is kept."""

    WRITES = frozenset({"observe", "transition", "save_route", "finish_order", "add_job", "create_rollout"})

    def __init__(self, control, kill_at: int, *, before: bool) -> None:
        self._control, self._left, self._before = control, kill_at, before

    def __getattr__(self, name):
        real = getattr(self._control, name)
        if name not in self.WRITES:
            return real

        def write(*args):
            self._left -= 1
            if self._left == 0 and self._before:
                raise _Killed
            real(*args)
            if self._left == 0:
                raise _Killed

        return write


def _played(folder, kill_at: int | None = None, *, before: bool = False) -> list[str]:
    folder.mkdir()
    house = House(folder)
    house.open()
    if kill_at is not None:
        house.controller = house.another(_Mortal(house.control, kill_at, before=before))
    for _ in range(12):
        try:
            house.tick()
        except _Killed:
            house.controller = house.another()
            house.controller.tick()
        routes = house.control.routes()
        assert not routes or routes[0].step == house.state()  # the old state or the new one, never a mixture
        house.play(400)
    ended = path(house)
    assert replayed(house) == []
    house.close()
    return ended
