"""What becomes of slices in a rollout: excluded, taken back in, unproven; told, published, made again."""

from dataclasses import replace

import pytest
from makers import FAST, House, observation, rollout

from router.decision import Facts
from router.errors import RolloutRefused
from router.evidence import Evidence, update
from router.explain import explain
from router.pairs import Patience
from router.partial.candidate import Candidate
from router.policy import applied, left, next_step
from router.replay import differences
from router.sight import Sight
from router.slices.naming import of_answers
from router.slices.proving import ENOUGH
from router.verbs import obey
from store.vocabulary import ObservationKind, Release, State, TaskMode

WEAK, FINE = ("tools:search", "length:short"), ("tools:none", "length:short")
AT = rollout(slicers=("tools", "length", "language:de"))


def replayed(house):
    at = house.latest()
    rows = house.control.transitions(rollout_id=at.rollout_id)
    return differences(at, rows, house.control.observations(at.rollout_id))


def mixed(house, n=200):
    """Play calls, a twentieth of them of a slice on which the student loses."""
    for _ in range(n // 20):
        house.play(1, 0.0, slices=WEAK)
        house.play(19, 1.0, slices=FINE)


def weak(house):
    """Let the test of the weak slice alarm."""
    for _ in range(40):
        mixed(house)
        made = house.tick()
        if any(t.cause == "slice_excluded" for t in made):
            return next(t for t in made if t.cause == "slice_excluded")
    raise AssertionError("no slice was excluded")


def test_a_weak_slice_goes_to_the_teacher_and_the_rollout_goes_on(house):
    house.open()
    house.tick()
    made = weak(house)
    assert (made.source, made.target) == (made.target, house.control.transitions()[-1].source)
    assert house.latest().excluded == {"tools:search": "harm"}
    [route] = house.control.routes()
    assert (route.slicers, route.excluded, route.unproven) == (("tools", "length"), ("tools:search",), ())
    assert "The teacher keeps tools:search" in made.why
    house.until(State.FULL, slices=FINE)
    assert house.control.routes()[0].excluded == ("tools:search",)
    assert replayed(house) == []
    assert differences(
        replace(house.latest(), excluded={}),
        house.control.transitions(),
        house.control.observations(house.latest().rollout_id),
    ) == ["the rollout's excluded comes out as {'tools:search': 'harm'}, it is {}"]
    story = explain(house.control.transitions(), house.latest(), house.policy, now=house.clock.now)
    told = {one.slice: one for one in story.slices}
    assert set(told) == {"tools:search", "tools:none", "length:short"}
    assert (told["tools:search"].mean, told["tools:search"].kept_by_teacher) == (-1.0, "harm")
    assert told["tools:search"].upper < -0.10 < told["tools:none"].upper
    assert "The teacher keeps tools:search, for harm." in story.lines()


def test_a_slice_is_excluded_while_the_rollout_is_held_and_the_hold_stays(house):
    house.open()
    house.until(State.CANARY_5)
    house.order("pause")
    house.tick()
    made = weak(house)
    held = house.latest()
    assert (made.source, made.target) == (State.HOLD, State.HOLD)
    assert (held.held_from, held.held_for) == (State.CANARY_5, ("paused",))
    assert house.control.routes()[0].share == 0.05
    assert replayed(house) == []


def test_in_mode_observe_no_slice_is_excluded():
    seen = [observation(i, -1.0, slices=("tools:search",)) for i in range(1, 200)]
    evidence = update(Evidence(delta=0.03), seen)
    at = replace(AT, mode=TaskMode.OBSERVE)
    assert next_step(at, evidence, Facts(), replace(FAST, mode=TaskMode.OBSERVE), 1.0) is None


def test_an_operator_takes_back_what_harm_excluded_and_it_is_counted_anew(house):
    house.open()
    house.until(State.CANARY_5)
    made = weak(house)
    order = house.order("include", about="tools:search")
    house.tick()
    assert house.outcome_of(order) == "done"
    at, evidence = house.latest(), Evidence.from_json(house.latest().evidence)
    assert (at.excluded, evidence.unverified) == ({}, (str(at.state),))
    assert evidence.slices["tools:search"].paired == 0
    assert evidence.over().paired >= made.inputs["figures"]["slices"][0]["pairs"]
    assert house.control.routes()[0].excluded == ()
    again = weak(house)
    assert (
        again.inputs["figures"]["slices"][0]["log_threshold"]
        > (made.inputs["figures"]["slices"][0]["log_threshold"])
    )
    assert replayed(house) == []


def test_what_an_operator_excludes_comes_back_with_its_counts(house):
    house.open()
    house.tick()
    mixed(house, 100)
    house.tick()
    before = house.latest().evidence
    for verb, kept in (("exclude", {"length:short": "operator"}), ("include", {})):
        order = house.order(verb, about="length:short")
        house.tick()
        assert house.outcome_of(order) == "done"
        assert house.latest().excluded == kept
        assert house.control.transitions()[-1].inputs["order"]["slice"] == "length:short"
    assert house.latest().evidence == before
    assert replayed(house) == []


@pytest.mark.parametrize(
    ("verb", "about", "reason", "why"),
    [
        ("exclude", "tools:none", "", "needs a reason"),
        ("include", "tools:none", "", "needs a reason"),
        ("exclude", "tools", "because", "named `dimension:value`"),
        ("exclude", "key:anna", "because", "tells calls apart by tools, length, language"),
        ("exclude", "length:tiny", "because", "length is one of short, medium, long, huge"),
        ("exclude", "tools:b+a", "because", "in order of the alphabet"),
        ("exclude", "length:long", "because", "keeps length:long already"),
        ("include", "length:short", "because", "nothing to take back"),
    ],
)
def test_an_order_about_a_slice_that_cannot_be_is_refused(verb, about, reason, why):
    at = replace(AT, excluded={"length:long": "operator"})
    with pytest.raises(RolloutRefused, match=why):
        obey(at, verb, actor="anna", reason=reason, about=about)


def test_a_declared_slice_is_the_teachers_until_enough_of_it_was_compared(tmp_path):
    house = House(tmp_path, replace(FAST, slices=("language:de",)))
    house.open()
    house.tick()
    for compared, n in ((0, ENOUGH - 1), (ENOUGH - 1, 1)):
        [route] = house.control.routes()
        assert (route.slicers, route.unproven, route.excluded) == (("language",), ("language:de",), ())
        assert (
            f"The teacher keeps language:de until {ENOUGH} of its pairs were compared ({compared} are)."
            in (explain([], house.latest(), house.policy, now=house.clock.now).lines())
        )
        house.play(n, slices=("language:de",))
        house.tick()
    assert house.control.routes()[0].unproven == ()
    house.close()


def test_a_slice_by_label_is_excluded_and_then_compared_as_the_app_receives_it(tmp_path):
    house = House(tmp_path, replace(FAST, slices=("label",), release=Release.FIRST_TOKEN))
    try:
        house.open()
        house.tick()
        assert house.control.routes()[0].release == Release.WHOLE  # whoever streams cannot weigh what is said
        for _ in range(40):
            house.play(1, 0.0, slices=("label:refund",))
            house.play(9, 1.0, slices=("label:other",))
            if any(t.cause == "slice_excluded" for t in house.tick()):
                break
        assert house.latest().excluded == {"label:refund": "harm"}
        assert house.control.routes()[0].excluded == ("label:refund",)
        at = house.latest()
        then = Evidence.from_json(at.evidence)
        house.play(20, 0.0, slices=("label:refund",))
        sight = Sight(house.log, at, "exact")
        sight.look(at.consumed_seq, Patience(score_s=1.0, conversation_s=1.0), 0.0, of_answers(at.excluded))
        assert {probe.d for probe in sight.probes(0.0)} == {0.0}  # nor is it held off the traffic for these
        house.tick()
        now = Evidence.from_json(house.latest().evidence)
        assert now.slices == then.slices
        assert now.mean(now.over()) > then.mean(then.over())  # more pairs, none lost
        assert replayed(house) == []
    finally:
        house.close()


def test_under_a_threshold_slices_count_what_is_received_and_go_on_as_it_loosens():
    grid = {0.9: Candidate(), 0.5: Candidate()}
    seen = [observation(i, -1.0, confidence=0.7, slices=("tools:search",)) for i in range(1, 11)]
    whole = update(Evidence(delta=0.03, candidates=grid), seen)
    assert whole.mean(whole.slices["tools:search"]) == -1.0
    partial = whole.under(0.9)
    assert partial.slices == {}  # another claim: it begins anew
    partial = update(partial, seen)
    assert partial.mean(partial.slices["tools:search"]) == 0.0
    loosened = update(partial.under(0.5), seen)
    assert loosened.mean(loosened.slices["tools:search"]) == -0.5


def test_a_conversation_and_what_is_void_or_missing():
    seen = [
        observation(1, None, kind=ObservationKind.VOID, slices=("a:void",)),
        observation(2, None, slices=("a:lost",)),
        observation(3, -1.0, slices=("a:x", "a:x")),
    ]
    slices = update(Evidence(delta=0.03), seen).slices
    assert {name: (cell.paired, cell.missing) for name, cell in slices.items()} == {
        "a:lost": (0, 1),
        "a:x": (1, 0),
    }


def test_evidence_that_is_voided_leaves_what_is_excluded_to_the_teacher():
    at = replace(AT, state=State.CANARY_5, excluded={"tools:search": "harm"})
    evidence = update(Evidence(delta=0.03), [observation(1, -1.0, slices=WEAK)])
    decision = obey(at, "pause", actor="anna", reason="because")
    voiding = replace(decision, void="all", trial=2)
    assert left(evidence, voiding).slices == {}
    assert applied(at, voiding, 1.0).excluded == {"tools:search": "harm"}
