"""Finding a text in the bytes of files, in every form that our files give it."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stillhouse.sweep import files
from stillhouse.sweep import forms as module
from stillhouse.sweep.forms import Search, forms, searchable

SUBJECT = 'Ängström "the\\man" \n 1'


def found(tmp_path, data, *texts):
    path = tmp_path / "file"
    path.write_bytes(data)
    result = Search(texts).file(path)
    assert result.size == len(data)
    return result.whole, result.inside


@pytest.mark.parametrize(
    "written",
    [
        SUBJECT,
        json.dumps(SUBJECT),
        json.dumps(SUBJECT, ensure_ascii=False),
        json.dumps({"arguments": json.dumps({"name": SUBJECT})}),
        json.dumps({"arguments": json.dumps({"name": SUBJECT}, ensure_ascii=False)}),
        json.dumps(SUBJECT).replace("\\u00c4", "\\u00C4").replace("\\u00f6", "\\u00F6"),
    ],
)
def test_every_form_that_we_write_is_found(tmp_path, written):
    assert found(tmp_path, b"\0\xff" + written.encode() + b"}", SUBJECT) == (1, 0)


@pytest.mark.parametrize(
    ("data", "whole", "inside"),
    [
        (b'"user-1"', 1, 0),
        (b'"user-10","user-1"', 1, 1),
        (b"superuser-1", 0, 1),
        (b'"text":"hello\\nuser-1"', 1, 0),  # the n is no letter of a word
        (b'"text":"\\u00e9user-1"', 1, 0),
        (b"user-1", 1, 0),
        (b"user-2", 0, 0),
    ],
)
def test_a_part_of_a_longer_word_is_told_apart(tmp_path, data, whole, inside):
    assert found(tmp_path, data, "user-1") == (whole, inside)


@given(at=st.integers(0, 80), size=st.integers(16, 40))
def test_a_text_over_the_border_of_two_pieces_is_found_once(tmp_path_factory, at, size):
    folder = tmp_path_factory.mktemp("search")
    data = b"." * at + b"marker-1" + b"." * (80 - at) + b"marker-1"
    before = module._CHUNK
    module._CHUNK = size
    try:
        assert found(folder, data, "marker-1", "absent-text") == (2, 0)
        assert found(folder, data + b"2", "marker-1") == (1, 1)
    finally:
        module._CHUNK = before


def test_what_is_short_is_not_looked_for_in_bytes(tmp_path):
    assert searchable(("ann", "öööö", "annabel")) == ("öööö", "annabel")
    assert found(tmp_path, b"anything") == (0, 0)


def test_a_long_text_counts_wherever_it_stands(tmp_path):
    text = "0123456789abcdef0123456789abcdef-more"
    assert found(tmp_path, b"x" + text.encode() + b"x", text) == (1, 0)
    assert len(forms("plain")) == 1


def test_a_folder_is_searched_by_a_process_of_its_own(tmp_path):
    (tmp_path / "inner").mkdir()
    (tmp_path / "inner" / "a").write_text("here: marker-1")
    (tmp_path / "b").write_text("nothing")
    (tmp_path / "link").symlink_to(tmp_path / "inner" / "a")
    skipped = tmp_path / "erasing"
    skipped.mkdir()
    (skipped / "c").write_text("marker-1")
    result = files.search(tmp_path, ("marker-1",), skipped=skipped)
    assert {file.name: (file.bytes, file.whole) for file in result} == {"b": (7, 0), "inner/a": (14, 1)}
