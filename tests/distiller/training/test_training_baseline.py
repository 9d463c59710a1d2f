"""The base's own weights are exported once, and never into a folder of the user's own."""

import shutil
from pathlib import Path

import pytest

from distiller.training import baseline
from distiller.training.baseline import STUDENT, base_weights, link


@pytest.fixture
def prepared(base: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(base, tmp_path / "base", ignore=shutil.ignore_patterns(STUDENT)))


def test_the_second_rung_finds_what_the_first_exported(prepared: Path, tmp_path: Path) -> None:
    told: list[int] = []
    first = base_weights(prepared, prepared, tmp_path, lambda step, _: told.append(step))
    assert first == prepared / STUDENT
    assert told
    told.clear()
    assert base_weights(prepared, prepared, tmp_path, lambda step, _: told.append(step)) == first
    assert told == []
    assert not list(prepared.glob("*.part"))


def test_a_folder_of_the_users_own_stays_as_it_is(prepared: Path, tmp_path: Path) -> None:
    before = sorted(prepared.iterdir())
    made = base_weights(prepared, tmp_path / "elsewhere", tmp_path)
    assert made == tmp_path / STUDENT
    assert sorted(prepared.iterdir()) == before


def test_a_student_is_the_same_file_or_a_copy(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    source, target = tmp_path / "a", tmp_path / "b"
    source.write_bytes(b"weights")
    target.write_bytes(b"of an earlier try")
    link(source, target)
    assert target.samefile(source)

    def refuse(*_: object) -> None:
        raise OSError("another file system")

    monkeypatch.setattr(baseline.os, "link", refuse)
    link(source, target)
    assert not target.samefile(source)
    assert target.read_bytes() == b"weights"
