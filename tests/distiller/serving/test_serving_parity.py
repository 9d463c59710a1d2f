"""Parity is a share of the trainer's prompts; a missing answer is a different one."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from distiller.serving.capabilities import capabilities
from distiller.serving.parity import SHARE, compare
from distiller.serving.process import Serving, ServingError, check, read_arguments

answers = st.dictionaries(st.text("abc", min_size=1, max_size=3), st.sampled_from(["yes", "no", "no ", ""]))


def score(_: str, text: str) -> float:
    return float(text.strip() == "yes")


@given(answers, answers)
def test_shares_are_of_the_trainers_prompts(trained: dict[str, str], served: dict[str, str]) -> None:
    found = compare(trained, served, score)
    assert found.prompts == len(trained)
    assert found.compared == len(trained.keys() & served.keys())
    assert 0 <= found.same_text <= found.same_score <= 1, "the same text has the same score"
    assert len(found.different) == round(found.prompts * (1 - found.same_score))
    assert found.holds == (found.prompts > 0 and found.same_score >= SHARE)


@given(answers)
def test_the_same_answers_are_at_parity(trained: dict[str, str]) -> None:
    found = compare(trained, dict(trained), score)
    assert found.different == ()
    assert found.holds == bool(trained)


def test_what_a_local_student_can_do() -> None:
    found = capabilities(2048)
    assert (found.context, found.n, found.tools, found.images, found.json_schema) == (
        2048,
        1,
        False,
        False,
        True,
    )


def test_arguments_have_defaults_and_are_checked(tmp_path: Path) -> None:
    serving = read_arguments(["--gguf", str(tmp_path / "x.gguf"), "--port", "0", "--parallel", "2"])
    assert serving == Serving(gguf=tmp_path / "x.gguf", port=0, parallel=2)
    with pytest.raises(ServingError, match="no student at"):
        check(serving)
    (tmp_path / "x.gguf").touch()
    check(serving)
    with pytest.raises(ServingError, match="at least 1"):
        check(Serving(gguf=tmp_path / "x.gguf", port=0, parallel=0))
