import random
from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from distiller.trainset.near import clusters
from distiller.trainset.varying import varying

WORDS = [
    "".join(random.Random(f"{n}").choices("bcdfghklmnprstvw", k=3) + ["a", "e", "o"][n % 3 :])
    for n in range(900)
]
TEMPLATE = (
    "You are given a message. Read it with care and answer with one word out of the list, no more. " * 6
)


def sentence(draw, length=9):
    return " ".join(draw.choices(WORDS, k=length))


def sentences(count, *, seed=1, length=9):
    draw = random.Random(seed)
    return [sentence(draw, length) for _ in range(count)]


def together(texts, one, other):
    found = clusters(texts)
    return found[one] == found[other]


VARIED = {
    "case and punctuation": lambda text: f"  {text.upper()}!? ",
    "full width": lambda text: "".join(chr(ord(c) + 0xFEE0) if c.isalpha() else c for c in text),
    "a polite word": lambda text: f"{text} please",
    "a greeting": lambda text: f"hello, {text}",
    "a typing error": lambda text: text[:20] + "q" + text[21:],
}


@pytest.mark.parametrize("name", VARIED)
def test_small_changes_are_near_and_others_are_not(name):
    texts = sentences(400)
    found = clusters([*texts, *(VARIED[name](text) for text in texts[:100])])
    assert found[:400] == list(range(400))
    near = sum(found[400 + i] == i for i in range(100))
    assert near == 100 if name in ("case and punctuation", "full width") else near >= 95


@pytest.mark.parametrize("where", ["all", "a quarter"])
def test_a_template_makes_no_two_texts_alike(where):
    texts = [
        TEMPLATE + text if where == "all" or i % 4 == 0 else text for i, text in enumerate(sentences(400))
    ]
    found = clusters([*texts, *(f"{text} please" for text in texts[:40])])
    assert found[:400] == list(range(400))
    assert sum(found[400 + i] == i for i in range(40)) >= 38


def test_a_rare_word_alone_does_not_make_short_texts_alike():
    frames = ["what is the weather like in {}", "add a song to my list called {}", "book a table near {}"]
    places = sentences(100, length=1)
    texts = [frame.format(place) for place in dict.fromkeys(places) for frame in frames]
    assert max(Counter(clusters(texts)).values()) == 1


def test_long_texts_are_told_by_their_least_hashes():
    texts = sentences(60, length=2500)
    changed = texts[7].split()
    changed[::40] = ["other"] * len(changed[::40])
    assert together([*texts, " ".join(changed)], 7, 60)
    assert len(set(clusters(texts))) == 60


def test_a_chain_of_small_changes_is_one_cluster():
    words = sentences(1, length=40)[0].split()
    chain = [" ".join([*("changed" for _ in range(n)), *words[n:]]) for n in range(0, 30, 3)]
    assert set(clusters([*sentences(100), *chain])[100:]) == {100}


@given(st.lists(st.text(max_size=30), max_size=40))
def test_equal_texts_are_always_together_and_each_cluster_is_named_by_its_first(texts):
    found = clusters(texts)
    assert len(found) == len(texts)
    for i, first in enumerate(found):
        assert first <= i
        assert found[first] == first
    for text in texts:
        assert len({found[i] for i, other in enumerate(texts) if other == text}) == 1


@given(st.lists(st.sampled_from([*sentences(12), *(f"{s} please" for s in sentences(12))]), max_size=30))
def test_a_text_more_at_the_end_parts_no_cluster_in_two(texts):
    before, after = clusters(texts), clusters([*texts, "something quite different"])
    assert after[:-1] == before


def test_of_twenty_thousand_texts_the_planted_pairs_are_found_and_hardly_another():
    texts = sentences(19_900)
    found = clusters([*texts, *(f"{text} please" for text in texts[::199])])
    assert sum(found[19_900 + i] == found[199 * i] for i in range(100)) >= 99
    assert len(set(found)) >= 19_890


def test_what_varies_is_all_after_the_head():
    call = {"type": "function", "function": {"name": "find", "arguments": '{"q": "shoes"}'}}
    request = {
        "messages": [
            {"role": "system", "content": "constant"},
            {"role": "developer", "content": "constant too"},
            {
                "role": "user",
                "content": [{"type": "text", "text": "this"}, {"type": "image_url", "image_url": "u"}],
            },
            {"role": "assistant", "content": None, "tool_calls": [call]},
            {"role": "tool", "content": "none left"},
            {"role": "system", "content": "be quick"},
        ]
    }
    text = varying(request)
    assert "constant" not in text
    for part in ("this", '"u"', 'find {"q": "shoes"}', "none left", "be quick"):
        assert part in text
    assert varying({}) == varying({"messages": []}) == ""
