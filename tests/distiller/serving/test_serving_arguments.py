"""What a student server is told, and what a student of it can do."""

from pathlib import Path

import pytest

from distiller.serving.capabilities import capabilities
from distiller.serving.process import Serving, ServingError, check, read_arguments


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
    serving = read_arguments(["--weights", str(tmp_path / "x.gguf"), "--port", "0", "--parallel", "2"])
    assert serving == Serving(weights=tmp_path / "x.gguf", port=0, parallel=2)
    with pytest.raises(ServingError, match="no student at"):
        check(serving)
    (tmp_path / "x.gguf").touch()
    check(serving)
    with pytest.raises(ServingError, match="at least 1"):
        check(Serving(weights=tmp_path / "x.gguf", port=0, parallel=0))
