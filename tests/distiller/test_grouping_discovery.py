"""Templates found in what thirty generated apps say, and in texts made for one question each."""

import itertools
import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from benchmarks._discovery.apps import App, _slots, _system, _user
from benchmarks._discovery.measure import play, rand_index
from benchmarks._discovery.wordlist import Writer
from distiller.grouping.align import align
from distiller.grouping.induce import LEAST, induce, widen
from distiller.grouping.outline import Outline, join, joined, of
from store.wording import words

LETTERS = st.lists(st.sampled_from("abcdefg"), max_size=30).map(tuple)
HEAD = words("You sort what the customer wrote into one of the five queues of the shop. The mail:")
TAIL = words("Answer with the name of the queue and nothing else, please.")


def filled(writer, *, head=HEAD, tail=TAIL):
    return head + words(writer.document()) + tail


@pytest.fixture
def writer():
    return Writer(random.Random(7))


@given(LETTERS, LETTERS)
def test_what_is_aligned_is_equal_and_ascends_in_both(a, b):
    pairs = align(a, b)
    assert all(a[i] == b[j] for i, j in pairs)
    assert all(p.a < q.a and p.b < q.b for p, q in itertools.pairwise(pairs))
    assert len(align(a, a)) == len(a)


@given(LETTERS.filter(bool), LETTERS, LETTERS)
def test_an_outline_as_wide_as_its_texts_fits_them_all(a, b, c):
    outline = joined([a, b, c])
    if outline.words:
        assert all(outline.fits(text) for text in (a, b, c))
    assert of(outline.template("t" * 32, "s" * 16, 0.0)) == outline or not outline.words


def test_a_join_says_what_had_to_go():
    one = join(Outline(HEAD), (*HEAD[:4], "seller", *HEAD[5:]))
    assert [(change.lost, change.instead) for change in one.changes] == [((HEAD[4],), ("seller",))]
    assert one.outline.fits((*HEAD[:4], "buyer", *HEAD[5:]))


def test_documents_between_instructions_are_a_gap_and_too_few_texts_are_no_template(writer):
    texts = [filled(writer) for _ in range(LEAST)]
    (found,) = induce(texts)
    assert found.members == tuple(range(LEAST))
    assert found.outline.fits(filled(writer))
    assert not found.outline.fits(filled(writer, tail=(*TAIL[:-2], "thanks", ".")))
    assert not found.outline.fits(filled(writer, head=("We", *HEAD[1:])))
    assert induce(texts[:-1]) == []
    assert induce([words(writer.document()) for _ in range(40)]) == []


def test_two_prompts_with_a_preamble_in_common_are_two_templates(writer):
    other = words("Translate the mail into plain English, keep names, and leave out what is rude to anybody.")
    texts = [filled(writer, tail=(TAIL, other)[n % 2]) for n in range(2 * LEAST)]
    assert sorted(found.members for found in induce(texts)) == [
        tuple(range(0, 2 * LEAST, 2)),
        tuple(range(1, 2 * LEAST, 2)),
    ]


def test_two_prompts_of_one_form_with_other_nouns_are_two_templates_and_one_noun_is_a_value(writer):
    other = tuple(
        {"customer": "seller", "queues": "drawers", "mail": "note"}.get(word, word) for word in HEAD
    )
    texts = [filled(writer, head=(HEAD, other)[n % 2]) for n in range(2 * LEAST)]
    assert len(induce(texts)) == 2
    assert all(not found.outline.fits(texts[1 - found.members[0] % 2]) for found in induce(texts))
    one = tuple("seller" if word == "customer" else word for word in HEAD)
    (found,) = induce([filled(writer, head=(HEAD, one)[n % 2]) for n in range(2 * LEAST)])
    assert found.outline.fits(filled(writer))


def test_a_template_becomes_wider_for_chance_and_for_a_paragraph_but_not_for_other_instructions(writer):
    (found,) = induce([filled(writer, head=(*HEAD, "Dear", "shop")) for _ in range(LEAST)])
    chance = [filled(writer) for _ in range(3)]
    assert widen(found.outline, chance, one_value=False).outline.fits(filled(writer))
    paragraph = words("Of two queues that fit take the one that is named first in the handbook.")
    there = [filled(writer, head=(*HEAD, "Dear", "shop"), tail=paragraph + TAIL) for _ in range(3)]
    assert widen(found.outline, there, one_value=False).outline.fits(there[0])
    edited = [filled(writer, head=(*HEAD[:6], "two", *HEAD[7:], "Dear", "shop")) for _ in range(3)]
    assert widen(found.outline, edited, one_value=False) is None
    assert widen(found.outline, edited, one_value=True).outline.fits(edited[0])
    longer = words("Do not sort anything at all today but say how the weather is and where.")
    assert widen(found.outline, [filled(writer, tail=longer)] * 3, one_value=True) is None


def test_one_head_that_is_said_again_and_again_without_an_optional_line_is_made_from_the_same_template(
    writer,
):
    line = words("The customer who wrote this is called")
    named = [filled(writer, head=(*HEAD, *line)) for _ in range(LEAST)]
    (found,) = induce(named)
    without = HEAD + TAIL
    assert not found.outline.fits(without)
    assert widen(found.outline, [without], one_value=False) is None
    wider = widen(found.outline, [without], one_value=False, constant={0})
    assert wider.outline.fits(without)
    assert all(wider.outline.fits(text) for text in named)
    edited = tuple("pile" if word == "queues" else word for word in without)
    assert widen(found.outline, [edited], one_value=False, constant={0}) is None


def test_one_edited_word_is_a_version_and_dates_names_and_documents_are_none(writer):
    said = writer.instructions()
    apps = [
        App("edited", _slots, said, edited_at=0.5),
        App("same", _user(before=True), writer.instructions(), edited_at=0.5, model="gpt-4o-mini"),
        App("constant", _system, writer.instructions(), edited_at=0.5),
    ]
    played = play(3, least=300, most=300, every=10, apps=apps)
    assert played.templates == 4
    assert played.found_tasks == 4  # the first calls without a system prompt are a model's
    assert played.tasks > 0.93
    assert played.versions > 0.93


def test_thirty_apps_are_told_apart():
    """Seeds that nothing was chosen by; the benchmark `discovery` plays more and larger ones."""
    played = play(101, least=200, most=600, every=25)
    assert played.tasks >= 0.98
    assert played.versions >= 0.98
    assert played.fingerprints < 300


def test_the_index_is_one_for_equal_partitions_and_about_zero_for_chance():
    assert rand_index("aabbc", "xxyyz") == 1
    assert rand_index("aabb", "xyxy") < 0
    rng = random.Random(1)
    chance = [rng.choice("xyz") for _ in range(3000)]
    assert abs(rand_index([rng.choice("abc") for _ in chance], chance)) < 0.01
