from collections import Counter
from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st
from slowpath import completion, exchange, request, said

from distiller.scoring.shape import Shape
from distiller.trainset import Row, screen
from distiller.trainset.caps import UNHEARD, by_cluster, by_user, heard
from distiller.trainset.choose import choose, scarce
from distiller.trainset.rows import Screened
from distiller.trainset.slices import answer, language


def row(seq, *, text="thing", said_="red", **fields):
    return Row(
        **{
            "call_id": f"c{seq}", "seq": seq, "unit": f"u{seq}", "user": None, "input_hash": f"i{seq}",
            "request": request(f"{text} {seq:04}"), "completion": said(said_), "passed": True, "score": None, **fields,
        }
    )  # fmt: skip


def spoken(seq, voice, *, key="app", lost=False, **fields):
    bare = row(seq, key=key, **fields)
    return replace(bare, completion=said("blue"), voices=(voice,), unsaid=None if lost else bare)


_talk = st.lists(
    st.tuples(st.sampled_from(["a", "b", "c"]), st.sampled_from(["", "a", "b", "x"])),
    min_size=1,
    max_size=300,
)


@given(_talk, st.sampled_from([0.02, 0.1, 0.3, 1.0]), st.integers(0, 299), st.integers(1, 300))
def test_of_any_part_of_the_log_a_voice_has_only_its_share(talk, share, start, length):
    rows = [spoken(i, voice, key=key) if voice else row(i, key=key) for i, (key, voice) in enumerate(talk)]
    calls = Counter(key for key, _ in talk)
    found = heard(Screened(rows=tuple(rows)), share)
    assert [r.seq for r in found.rows] == list(range(len(rows)))
    assert found.unheard == sum(bool(r.voices) for r in rows) - sum(bool(r.voices) for r in found.rows)
    part = found.rows[start : start + length]
    for voice, count in Counter(r.voices[0] for r in part if r.voices).items():
        if calls[voice] <= len(rows) / 2:
            assert count <= len(part) * share + 2
    for before, after in zip(rows, found.rows, strict=True):
        assert after in (before, before.unsaid)


def test_the_app_itself_and_a_lone_key_are_heard_whole():
    every = Screened(rows=tuple(spoken(i, "app") for i in range(100)))
    assert heard(every, 0.02) == every


def test_a_stranger_is_heard_once_in_fifty_rows_and_what_it_alone_made_valid_goes():
    rows = [spoken(i, "stranger", lost=i == 10) if i % 5 == 0 else row(i, key="app") for i in range(100)]
    found = heard(Screened(rows=tuple(rows), left_out={"invalid: empty": 1}), 0.02)
    assert [r.seq for r in found.rows if r.voices] == [45, 95]
    assert found.unheard == 18
    assert found.left_out == {"invalid: empty": 1, UNHEARD: 1}


def test_a_user_is_a_voice_whoever_passes_it_on():
    rows = [spoken(i, "app", user="mallory" if i % 5 == 0 else f"p{i}") for i in range(100)]
    found = heard(Screened(rows=tuple(rows)), 0.02)
    assert [r.seq for r in found.rows if r.voices and r.user == "mallory"] == [45, 95]
    assert found.unheard == 18


def test_the_screen_keeps_what_a_row_is_without_feedback():
    said_ = {"correction": "blue", "correction_key": "k2", "feedback": 0.9, "feedback_key": "k3"}
    said_ |= {"signal": 1.0, "signal_key": "k3", "key_id": "k1", "score": 0.1}
    shape = {"shape": Shape.LABEL, "threshold": 0.5, "judged": True}
    (found,) = screen([exchange(1, source="judge", **said_)], **shape).rows
    assert (found.key, found.voices, found.completion) == ("k1", ("k2", "k3"), said("blue"))
    assert (found.score, found.passed) == (0.9, True)
    bare = found.unsaid
    assert (bare.voices, bare.completion, bare.teacher) == ((), said("green"), None)
    assert (bare.score, bare.passed) == (0.1, False)
    (compared,) = screen([exchange(1, source="correction", **said_)], **shape).rows
    assert (compared.unsaid.score, compared.unsaid.passed) == (None, True)
    (lost,) = screen([exchange(1, answer=completion(said("")), source="judge", **said_)], **shape).rows
    assert lost.unsaid is None


@given(st.lists(st.sampled_from(["a", "b", "c", "d", None]), max_size=120), st.sampled_from([0.05, 0.2, 1.0]))
def test_no_user_has_more_than_its_share_and_its_newest_stay(users, share):
    rows = [row(i, user=user) for i, user in enumerate(users)]
    kept = by_user(rows, share, ["a"])
    most = max(1, int(share * len(rows)))
    for user in ("a", "b", "c", "d", None):
        own, left = [r for r in rows if r.user == user], [r for r in kept if r.user == user]
        assert left == (own if user in ("a", None) else own[-most:])
    assert list(kept) == sorted(kept, key=lambda r: r.seq)


def test_repetitions_are_bounded_and_contrasts_are_not():
    rows = [row(i, near=1, said_="red") for i in range(1, 9)]
    rows += [row(9, near=1, said_="blue"), row(10, near=10), row(11), row(12)]
    assert [r.seq for r in by_cluster(rows, 3)] == [6, 7, 8, 9, 10, 11, 12]


def test_the_newest_stay_and_some_of_every_kind():
    rows = [row(i, said_="rare" if i < 5 else "red") for i in range(400)]
    kept = choose(rows, 100)
    assert len(kept) == 100
    assert sum(r.completion == said("rare") for r in kept) == 5
    assert [r.seq for r in kept][5:] == list(range(305, 400))
    assert choose(rows, 400) == tuple(rows)


def test_answers_that_are_all_different_are_no_kinds():
    rows = [row(i, said_=f"answer {i}") for i in range(400)]
    assert [r.seq for r in choose(rows, 100)] == list(range(300, 400))


def test_one_key_has_half_of_the_room_while_others_fill_the_rest():
    rows = [row(i, key="loud" if i >= 150 else f"quiet {i % 3}") for i in range(600)]
    keys = Counter(r.key for r in choose(rows, 200, key_share=0.5))
    assert keys["loud"] == 100
    few = [row(i, key="loud" if i >= 20 else "quiet") for i in range(600)]
    assert Counter(r.key for r in choose(few, 200, key_share=0.5)) == {"loud": 180, "quiet": 20}


@given(st.lists(st.tuples(st.sampled_from("abcdef"), st.sampled_from(["k1", "k2"])), min_size=1, max_size=80))
def test_the_choice_is_in_log_order_of_the_size_asked_for_and_has_every_kind_that_fits(picks):
    rows = [row(i, said_=label, key=key) for i, (label, key) in enumerate(picks)]
    most = max(1, len(rows) // 2)
    kept = choose(rows, most)
    assert len(kept) == most
    assert list(kept) == sorted(kept, key=lambda r: r.seq)
    found = scarce(rows, most // 2)
    assert len(found) <= max(1, most // 2)
    assert {rows[i].seq for i in found} <= {r.seq for r in kept}


def test_kinds_are_told_by_answer_and_language():
    call = {"function": {"name": "find", "arguments": "{}"}}
    assert answer({"content": None, "tool_calls": [call, call]}) == "tools find"
    assert answer(said('{"b": 1, "a": 2}')) == "fields a b"
    assert answer(said("[1]")) == "list"
    assert answer(said(" Red ")) == "line red"
    assert answer(said("long " * 40)) == "text 8"
    spoken_ = {
        "de": "Wie ist das Wetter und ich bin nicht da",
        "en": "What is the weather of the day",
        "fr": "Quel est le temps et pas une idée pour vous",
        "cyrillic": "Какая погода",
        "cjk": "天気はどうですか",
        "": "12 + 7 = ?",
    }
    found = {name: language(text) for name, text in spoken_.items()}
    assert found.pop("cjk") in ("cjk", "hiragana")
    assert all(name == told for name, told in found.items())
