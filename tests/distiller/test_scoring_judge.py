"""The judge's program against an OpenAI-compatible server, through the scorer process."""

import json
import os
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from slowpath import exchange, request, said
from standin import StandIn

from distiller.scoring.about import HEADER
from distiller.scoring.client import ScorerClient
from distiller.scoring.pairs import WAIT_S, audited, rivals, sampled, together
from distiller.scoring.spec import Item, MetricSpec
from distiller.scoring.swap import Look, both, disagree
from distiller.settings import JudgeSettings, SettingsError

HERE = Path(__file__).parent
SCORE = st.floats(0, 1)


@pytest.fixture
async def scorer(tmp_path):
    environ = {**os.environ, "PYTHONPATH": f"{HERE}{os.pathsep}{HERE.parents[1]}"}
    client = ScorerClient(cache=tmp_path / "cache", timeout_s=60, environ=environ)
    yield client
    await client.close()


@pytest.fixture
def serve():
    servers = []

    def start(answer):
        servers.append(StandIn(answer))
        return servers[-1]

    yield start
    for server in servers:
        server.close()


def spec(server, **settings):
    return MetricSpec(
        name="judge", judge=JudgeSettings(model="j", base_url=server.url, **settings), token="secret"
    )


def item(candidate, *, rival=None, reference=None, text="a thing"):
    return Item(
        request=request(text),
        reference=reference and said(reference),
        candidate=said(candidate),
        rival=rival and said(rival),
        call_id=f"call of {candidate}",
    )


def graded(score):
    return json.dumps({"reason": "so", "score": score})


def marks(a, b):
    return json.dumps({"reason": "so", "score_a": a, "score_b": b})


def field(body, name):
    """What the program says in a field of its question."""
    return body["messages"][-1]["content"].split(f"[[ ## {name} ## ]]\n")[1].split("\n\n")[0]


def shown(text):
    return json.dumps(said(text))


async def test_one_answer_is_graded_and_failures_stay_unscored(scorer, serve):
    def answer(body):
        asked = field(body, "answer")
        if "SULK" in asked:
            return 500
        return graded(0.75) if "RIGHT" in asked else "I would say 0.8"

    server = serve(answer)
    scored = await scorer.score(spec(server), [item(w) for w in ("RIGHT", "SULK", "other")])
    assert [s.value for s in scored] == [0.75, None, None]
    assert [s.reason for s in scored] == [
        "so",
        "the judge answered 500",
        "the judge gave no score between 0 and 1",
    ]
    assert [s.position for s in scored] == [None, None, None]
    assert len(server.bodies) == 3  # nothing is asked again behind our back
    assert server.headers[0][
        "Authorization" if "Authorization" in server.headers[0] else "authorization"
    ] == ("Bearer secret")
    asked = sorted(headers[HEADER] for headers in server.headers)
    assert asked == ["call of RIGHT", "call of SULK", "call of other"]
    body = server.bodies[0]
    assert (body["model"], body["temperature"]) == ("j", 0)
    assert body["response_format"] == {"type": "json_object"}
    assert "strict and impartial" in body["messages"][0]["content"]
    server.close()
    (down,) = await scorer.score(spec(server), [item("RIGHT")])
    assert (down.value, down.reason) == (None, "the judge did not answer: ConnectError")


@pytest.mark.parametrize(
    "reply", ["", "0.7", graded("high"), graded(7), graded(-0.1), graded(None), "[1]", '{"score": 0.5}']
)
async def test_anything_but_a_reason_and_a_number_in_range_is_no_score(scorer, serve, reply):
    (scored,) = await scorer.score(spec(serve(lambda _: reply)), [item("x")])
    assert scored.value is None
    assert "between 0 and 1" in scored.reason


async def test_nothing_is_kept_from_one_question_to_the_next(scorer, serve):
    replies = iter([graded(0.25), graded(1.0)])
    server = serve(lambda _: next(replies))
    found = [await scorer.score(spec(server), [item("x")]) for _ in range(2)]
    assert [one.value for (one,) in found] == [0.25, 1.0]


async def test_a_judge_that_always_prefers_the_first_is_neutralised(scorer, serve):
    server = serve(lambda _: marks(1.0, 0.2))
    pair = [item("mine", rival="theirs"), item("theirs", rival="mine")]
    mine, theirs = await scorer.score(spec(server), pair)
    assert mine.value == theirs.value == pytest.approx(0.6)
    assert mine.position == theirs.position == pytest.approx(0.8)
    assert "orders disagree" in mine.reason
    assert len(server.bodies) == 2  # one comparison, both orders, for both halves


async def test_a_fair_judge_says_the_same_of_both_orders(scorer, serve):
    worth = {shown("good"): 0.9, shown("poor"): 0.3}
    server = serve(lambda b: marks(worth[field(b, "answer_a")], worth[field(b, "answer_b")]))
    poor, good = await scorer.score(spec(server), [item("poor", rival="good"), item("good", rival="poor")])
    assert (good.value, poor.value) == pytest.approx((0.9, 0.3))
    assert good.position == pytest.approx(0.0)
    assert good.reason == "so"
    assert {field(b, "known_right") for b in server.bodies} == {"unknown"}


async def test_many_pairs_are_asked_about_in_small_batches_that_part_no_pair(scorer, serve):
    server = serve(lambda _: marks(0.5, 0.5))
    pairs = [
        item(a, rival=b, text=f"thing {n}") for n in range(25) for a, b in (("red", "blue"), ("blue", "red"))
    ]
    assert [s.value for s in await scorer.score(spec(server), pairs)] == [0.5] * 50
    assert len(server.bodies) == 50


async def test_half_a_comparison_is_none(scorer, serve):
    replies = iter([marks(1.0, 0.0), 500])
    server = serve(lambda _: next(replies))
    pair = [item("mine", rival="theirs"), item("theirs", rival="mine")]
    assert [s.value for s in await scorer.score(spec(server, concurrency=1), pair)] == [None, None]


async def test_a_correction_is_compared_with_in_both_orders_and_named_as_right(scorer, serve):
    def answer(body):
        right = field(body, "known_right")
        assert field(body, f"answer_{right.lower()}") == shown("blue")
        return marks(0.0, 1.0) if right == "B" else marks(1.0, 0.0)

    server = serve(answer)
    (scored,) = await scorer.score(spec(server), [item("red", reference="blue", rival="green")])
    assert (scored.value, scored.position) == (0.0, 0.0)
    assert len(server.bodies) == 2


async def test_equal_answers_are_graded_once_for_both(scorer, serve):
    server = serve(lambda _: graded(0.5))
    same = [item("red", rival="red"), item("red", rival="red")]
    assert [s.value for s in await scorer.score(spec(server), same)] == [0.5, 0.5]
    assert len(server.bodies) == 1


async def test_the_version_changes_with_model_and_criterion_only(scorer, serve):
    server = serve(lambda _: 500)
    own = spec(server, criteria="It is true.")
    versions = [await scorer.version(s) for s in (own, own, spec(server), spec(server, timeout_s=5.0))]
    other = MetricSpec(name="judge", judge=JudgeSettings(model="k", criteria="It is true."))
    versions.append(await scorer.version(other))
    assert all(len(v) == 12 and set(v) <= set("0123456789abcdef") for v in versions)
    assert versions[0] == versions[1] != versions[2] == versions[3]
    assert versions[4] not in versions[:4]


@given(SCORE, SCORE, SCORE)
def test_what_a_place_is_worth_goes_to_both_alike(one, other, place):
    """A judge that adds the same to whatever stands first."""
    found = both(Look(first=one + place, second=other), Look(first=other + place, second=one))
    assert found.one - found.other == pytest.approx(one - other)
    assert found.position == pytest.approx(place)


@given(SCORE, SCORE, SCORE, SCORE)
def test_swapping_names_swaps_scores_and_scores_stay_in_range(a, b, c, d):
    here, there = Look(first=a, second=b), Look(first=c, second=d)
    found, turned = both(here, there), both(there, here)
    assert (found.one, found.other, found.position) == pytest.approx(
        (turned.other, turned.one, turned.position)
    )
    assert 0 <= found.one <= 1
    assert 0 <= found.other <= 1
    assert -1 <= found.position <= 1
    assert disagree(here, there) == disagree(there, here)


def halves(seq, *who, ts):
    return [exchange(seq, attempt_id=f"{seq}{w}", who=w, ts=ts) for w in who]


def test_halves_of_a_pair_wait_for_each_other_but_not_for_ever():
    young, old = 1000.0, 1000.0 - WAIT_S
    pair, alone, late = (
        halves(1, "teacher", "student", ts=young),
        halves(2, "teacher", ts=young),
        halves(3, "student", ts=old),
    )
    assert together([*pair, *alone, *late], 1000.0) == [*pair, *late]
    named = rivals([*pair, *late])
    assert set(named) == {"1teacher", "1student"}


def test_draws_have_their_shares_and_know_nothing_of_each_other():
    calls = [f"call {n}" for n in range(20_000)]
    gold, judged = ({c for c in calls if draw(c, 0.2)} for draw in (audited, sampled))
    assert len(gold) / len(calls) == pytest.approx(0.2, abs=0.01)
    assert len(gold & judged) / len(judged) == pytest.approx(0.2, abs=0.02)
    assert {c for c in calls if audited(c, 0.1)} <= gold
    assert not any(audited(c, 0.0) for c in calls[:100])
    assert all(audited(c, 1.0) for c in calls[:100])


@pytest.mark.parametrize("key", ["sample", "gold"])
def test_a_share_above_one_is_refused(key):
    with pytest.raises(SettingsError, match=f"judge.{key} is 2"):
        JudgeSettings(model="j", **{key: 2.0})
