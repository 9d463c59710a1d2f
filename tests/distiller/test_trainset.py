import json

import pytest
from hypothesis import given
from hypothesis import strategies as st
from slowpath import completion, exchange, request, said

from distiller.scoring.shape import Shape
from distiller.settings import DistillerSettings, SettingsError
from distiller.trainset import LeakageError, Row, freeze, read_rows, screen, split, verify
from distiller.trainset.arrange import bounded, wanted_heldout
from distiller.trainset.rows import passing
from distiller.trainset.split import common_users


def row(seq, *, unit=None, user=None, passed=True):
    return Row(
        call_id=f"c{seq}",
        seq=seq,
        unit=unit or f"u{seq}",
        user=user,
        input_hash=f"i{seq}",
        request=request(f"thing {seq}"),
        completion=said("red"),
        passed=passed,
        score=None,
    )


def screened(*exchanges, **options):
    return screen(exchanges, **{"shape": Shape.LABEL, "threshold": 0.5, "judged": False, **options})


_rows = st.lists(
    st.tuples(st.integers(0, 12), st.none() | st.integers(0, 30), st.booleans()), min_size=1, max_size=60
).map(
    lambda picks: [
        row(seq, unit=f"u{unit}", user=None if user is None else f"p{user}", passed=passed)
        for seq, (unit, user, passed) in enumerate(picks)
    ]
)


@given(_rows, st.integers(1, 20))
def test_the_two_parts_never_share_anything_and_the_heldout_is_later(rows, wanted):
    parts = split(rows, heldout=wanted)
    common = set(parts.common_users)
    assert len(parts.train) + len(parts.heldout) + parts.straddling == len(rows)
    assert not {r.unit for r in parts.train} & {r.unit for r in parts.heldout}
    assert not {r.user for r in parts.train if r.user} - common & {r.user for r in parts.heldout if r.user}
    if parts.heldout:
        assert max(r.seq for r in parts.train) < min(r.seq for r in parts.heldout)
    assert passing(parts.train) >= passing(rows) // 2


@given(_rows, st.integers(1, 20))
def test_no_later_cut_would_have_left_enough(rows, wanted):
    parts = split(rows, heldout=wanted)
    cut = len(parts.train)
    if passing(parts.train) > (passing(rows) + 1) // 2:
        assert len({r.unit for r in parts.heldout if r.passed}) >= wanted
    fewer = split(rows, heldout=max(1, wanted - 1))
    assert len(fewer.train) >= cut


def test_independent_rows_are_cut_where_asked():
    parts = split([row(i) for i in range(500)], heldout=200)
    assert (len(parts.train), len(parts.heldout), parts.straddling) == (300, 200, 0)
    small = split([row(i) for i in range(100)], heldout=200)
    assert (len(small.train), len(small.heldout)) == (50, 50)


def test_calls_judged_bad_are_not_counted_into_the_heldout_part():
    """Every third call was judged bad: the screen's 200 are 200 that it can use."""
    settings = DistillerSettings()
    rows = [row(i, passed=i % 3 > 0) for i in range(900)]
    parts = split(rows, heldout=wanted_heldout(passing(rows), settings))
    assert passing(parts.heldout) == settings.screen_n
    assert passing(parts.train) == 400


def test_long_conversations_do_not_push_others_out_of_the_heldout_part():
    rows = [row(i, unit=f"u{i // 10}") for i in range(100)]
    kept = bounded(rows, 20)
    assert {r.unit for r in kept} == {r.unit for r in rows}
    assert len(kept) == 20
    assert [r.seq for r in kept] == sorted(r.seq for r in kept)
    assert len(bounded(rows, 5)) == 10
    assert bounded(rows[:3], 20) == tuple(rows[:3])


@pytest.mark.parametrize("bad", [{"heldout_max": 199}, {"heldout_min": 50}, {"heldout_min": 500}])
def test_a_heldout_part_that_cannot_pass_the_screen_is_refused(bad):
    with pytest.raises(SettingsError, match=r"distiller\.heldout_m"):
        DistillerSettings(**bad)


def test_a_user_of_every_call_is_a_constant_of_the_app():
    rows = [row(i, user="app" if i % 2 else f"p{i}") for i in range(100)]
    assert common_users(rows) == {"app"}
    assert len(split(rows, heldout=30).heldout) == 30


def test_only_complete_valid_calls_teach():
    found = screened(
        exchange(1),
        exchange(2, outcome="length"),
        exchange(3, answer=completion(said(""))),
        exchange(4, request=request("x", n=2)),
        exchange(5, feedback=0.0),
        exchange(6, feedback=1.0),
    )
    assert [(r.seq, r.passed, r.score) for r in found.rows] == [
        (1, True, None),
        (5, False, 0.0),
        (6, True, 1.0),
    ]
    assert found.left_out == {"outcome length": 1, "invalid: empty": 1, "several answers asked for": 1}


def test_of_equal_inputs_the_latest_teaches_but_a_correction_outlives_it():
    found = screened(exchange(1, input_hash="i"), exchange(2, input_hash="i"))
    assert [r.call_id for r in found.rows] == ["c2"]
    found = screened(exchange(1, input_hash="i", correction="green"), exchange(2, input_hash="i"))
    assert [(r.call_id, r.completion, r.teacher) for r in found.rows] == [
        ("c1", said("green"), said("green"))
    ]
    assert found.left_out == {"asked again later": 1}


def test_the_tries_of_one_call_are_one_row():
    tries = [exchange(n, input_hash="i", retry_count=n - 1) for n in (1, 2, 3)]
    found = screened(*tries, exchange(4))
    assert [r.call_id for r in found.rows] == ["c3", "c4"]
    assert found.left_out == {"asked again later": 2}


def test_what_chat_cannot_say_does_not_teach_and_is_counted_by_its_reason():
    mute = {"request": {}, "answer": None, "untold": "earlier_unknown"}
    found = screened(exchange(1), exchange(2, **mute), exchange(3, **mute, correction="red"))
    assert [r.seq for r in found.rows] == [1]
    assert found.left_out == {"not said in chat: earlier_unknown": 2}


def test_a_correction_replaces_the_answer_even_an_invalid_one():
    (only,) = screened(exchange(1, answer=completion(said("")), correction="blue", feedback=0.0)).rows
    assert only.passed
    assert only.completion == said("blue")
    assert only.score == 0.0


def test_scores_by_agreement_say_nothing_and_others_decide():
    (kept,) = screened(exchange(1, score=0.1, source="agreement")).rows
    assert kept.passed
    assert kept.score is None
    (judged,) = screened(exchange(1, score=0.1, source="judge"), judged=True).rows
    assert not judged.passed


def test_freezing_is_deterministic_and_keeps_the_order_of_members(tmp_path):
    odd = {"model": "m", "messages": [{"content": "ü\ud800", "role": "user"}], "b": 1, "a": 2}
    rows = [row(i) for i in range(9)] + [
        Row(
            call_id="c9", seq=9, unit="u9", user=None, input_hash="i9", request=odd, completion=said("red"),
            passed=True, score=None,
        )
    ]  # fmt: skip
    parts = split(rows, heldout=3)
    one = freeze(parts, tmp_path / "one", {"task_id": "t"})
    two = freeze(parts, tmp_path / "two", {"task_id": "t"})
    assert one.trainset_id == two.trainset_id
    assert (one.train, one.heldout) == (7, 3)
    last = read_rows(tmp_path / "one" / "heldout.jsonl")[-1]
    assert json.dumps(last["request"]) == json.dumps(odd)
    assert json.loads((tmp_path / "one" / "card.json").read_text())["trainset_id"] == one.trainset_id


@pytest.mark.parametrize("key", ["unit", "user", "input_hash"])
def test_leakage_in_the_frozen_files_is_an_error(tmp_path, key):
    freeze(split([row(i, user=f"p{i}") for i in range(20)], heldout=5), tmp_path, {})
    train, heldout = read_rows(tmp_path / "train.jsonl"), read_rows(tmp_path / "heldout.jsonl")
    heldout[0][key] = train[0][key]
    (tmp_path / "heldout.jsonl").write_text("".join(json.dumps(r) + "\n" for r in heldout))
    with pytest.raises(LeakageError, match=key.split("_")[0]):
        verify(tmp_path)
