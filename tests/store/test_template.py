import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from store import opening, wording
from store.template import Run, Template, Templates
from store.wording import MOST, clipped, ends, words

SCOPE = "5" * 16
LITERAL = [f"lit{letter}" for letter in "abcdefghijklmnopqrstuvwxyz"]
fillings = st.lists(st.sampled_from(["red", "green", "blue", "lit"]), max_size=6).map(tuple)


@st.composite
def templates(draw, name="t", letters=LITERAL):
    """A template whose literal words all differ."""
    left = list(draw(st.permutations(letters)))
    runs = []
    for number in range(draw(st.integers(1, 4))):
        said = tuple(left.pop() for _ in range(draw(st.integers(1, 4))))
        optional = number > 0 and draw(st.booleans())
        runs.append(Run(words=said, gap=draw(st.booleans()), optional=optional))
    identity = (name * 32)[:32]
    return Template(template_id=identity, scope=SCOPE, runs=tuple(runs), open_end=draw(st.booleans()))


@st.composite
def made(draw, template):
    """The words of a text made from a template."""
    said = ()
    for run in template.runs:
        said += draw(fillings) if run.gap else ()
        said += () if run.optional and draw(st.booleans()) else run.words
    return said + (draw(fillings) if template.open_end else ())


@given(st.data())
def test_a_text_made_from_a_template_is_found_whatever_fills_it(data):
    mine = data.draw(templates())
    others = data.draw(st.lists(templates(name="o"), max_size=3))
    others = [
        Template(template_id=f"{n:032}", scope=SCOPE, runs=o.runs, open_end=o.open_end)
        for n, o in enumerate(others)
    ]
    said = data.draw(made(mine))
    assert Templates([mine]).find(SCOPE, said) == mine.template_id
    assert Templates([*others, mine]).find(SCOPE, said) is not None
    assert Templates([*others, mine]).find(SCOPE, said) == Templates([mine, *others]).find(SCOPE, said)
    assert Templates([mine]).find("6" * 16, said) is None


@given(st.data())
def test_a_text_with_one_literal_word_changed_is_not_found(data):
    mine = data.draw(templates())
    said = list(data.draw(made(mine)))
    kept = {word for run in mine.runs if not run.optional for word in run.words}
    at = data.draw(st.sampled_from([i for i, word in enumerate(said) if word in kept]))
    said[at] += "x"
    assert Templates([mine]).find(SCOPE, tuple(said)) is None


def _template(name, *runs, open_end=False, created=0.0):
    return Template(
        template_id=name, scope=SCOPE, runs=tuple(runs), open_end=open_end, created=created
    )  # fmt: skip


def test_of_templates_that_fit_the_one_with_most_words_is_found_then_the_oldest():
    wide = _template("w", Run(words=("sort",)), Run(words=("now",), gap=True))
    narrow = _template("n", Run(words=("sort", "the")), Run(words=("mail", "now"), gap=True))
    later = _template("a", *narrow.runs, created=2.0)
    known = Templates([later, wide, narrow])
    assert known.find(SCOPE, ("sort", "the", "red", "mail", "now")) == "n"
    assert known.find(SCOPE, ("sort", "mail", "now")) == "w"
    assert len(known) == 3
    assert "a" in known


def test_a_run_that_a_filling_holds_too_does_not_mislead():
    """The run of another template, and a part of its own, stand in the document."""
    one = _template("1", Run(words=("read",)), Run(words=("then", "stop"), gap=True))
    two = _template("2", Run(words=("read",)), Run(words=("then", "go", "on"), gap=True))
    known = Templates([one, two])
    assert known.find(SCOPE, words("read then go then stop then go on")) == "2"
    assert known.find(SCOPE, words("read then go on then go then stop")) == "1"
    assert known.find(SCOPE, words("read then go on then then stop it")) is None


def test_a_lookup_ends_whatever_is_asked():
    """A text made to open every gap of many templates again and again costs no more than its words."""
    hostile = [
        _template(f"{n:032}", *(Run(words=("a",) * 9 + (f"b{n}",), gap=True) for _ in range(8)))
        for n in range(200)
    ]
    known = Templates(hostile)
    started = time.process_time()
    assert known.find(SCOPE, ("a",) * MOST) is None
    assert time.process_time() - started < 30  # bounded at all: without the bound, hours


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("Today is Friday, March 5, 2024.", "Today is Mon, December 31."),
        ("order 4711 of 2024-01-05T10:00Z", "order 9 of 1999-12-31"),
        ("ask anna@x.de or https://a.b/c", "ask b@y.org or http://d.e/f?g=h"),
        ("ticket 3f2a9c1e-0000-4000-8000-123456789abc", "ticket ffffffff-0000-4000-8000-123456789abc"),
        ("  id a1b2c3d4e5  ", "id\n99ab12cd34"),
    ],
)
def test_dates_numbers_ids_addresses_and_blanks_are_not_told_apart(one, other):
    assert words(one) == words(other)


def test_one_other_word_and_every_character_of_a_script_without_blanks_is():
    assert words("Answer with one word.") != words("Answer with one line.")
    assert words("请翻译Anna的邮件。") == ("请", "翻", "译", "Anna", "的", "邮", "件", "。")
    assert words("May I?") == ("May", "I", "?")


@given(st.text())
def test_words_are_their_own_words_and_hold_no_digit(text):
    found = words(text)
    assert words(" ".join(found)) == found
    assert not any(c.isdecimal() for word in found for c in word)
    assert clipped(found) == found


@pytest.mark.parametrize("text", ["ab3f" * 100_000, "a" * 400_000 + "1", "a.1" * 100_000, "a@" * 200_000])
def test_reading_takes_no_more_than_its_length_and_remembers_little(text):
    """A megabyte of hex without a blank took longer than any call may wait, and stayed in memory."""
    assert words(text)
    assert max(map(len, wording._SEEN)) <= 256


def test_of_a_very_long_text_the_ends_are_read():
    long = "begin " + "filling " * 50_000 + "end"
    assert len(ends(long)) < 61_000
    assert (words(ends(long))[0], words(ends(long))[-1]) == ("begin", "end")
    assert ends("short") == "short"
    assert len(_read(("user", long)).words) == MOST


def test_of_a_long_text_its_begin_and_its_end_are_looked_at():
    long = tuple(str(n) for n in range(3 * MOST))
    assert len(clipped(long)) == MOST
    assert (clipped(long)[0], clipped(long)[-1]) == (long[0], long[-1])


def _read(*messages, **fields):
    request = {"model": "m", "messages": [{"role": r, "content": c} for r, c in messages], **fields}
    return opening.read(request, fields.pop("tenant", ""), None)


LONG = "Sort what the customer wrote into one of the five queues."


def test_instructions_are_looked_at_and_a_thin_head_leaves_it_to_the_first_user_message():
    assert _read(("system", LONG), ("user", "hi")).words == words(LONG)
    thin = _read(("system", "You help."), ("user", LONG), ("assistant", "a"), ("user", "b"))
    assert thin.words == words(LONG)
    assert _read(("user", [{"type": "text", "text": LONG}, {"type": "image_url"}])).words == words(LONG)
    assert _read(("user", LONG)).scope != thin.scope
    assert _read(("system", "You nag."), ("user", LONG)).scope != thin.scope
    assert _read().words == ()


def test_what_must_be_equal_is_the_scope_and_a_fingerprint_begins_with_it():
    one = _read(("system", LONG))
    assert opening.scope_of(one.fingerprint) == one.scope
    assert _read(("system", LONG + " Be brief.")).scope == one.scope
    assert _read(("system", LONG + " Be brief.")).fingerprint != one.fingerprint
    assert _read(("system", LONG), ("user", "x")).fingerprint == one.fingerprint
    for other in (
        _read(("developer", LONG)),
        _read(("system", LONG), model="n"),
        _read(("system", LONG), tools=[{"type": "function"}]),
        _read(("system", LONG), response_format={"type": "json_object"}),
        _read(("system", LONG), ("system", "And then")),
    ):
        assert other.scope != one.scope
    request = {"model": "m", "messages": [{"role": "system", "content": LONG}]}
    assert opening.read(request, "acme").scope != one.scope
    assert opening.read(request, "", "triage").scope != one.scope
    assert opening.name_in(one.scope, ["a"]).startswith(one.scope)
    assert len(opening.name_in(one.scope, ["a"])) == 32
