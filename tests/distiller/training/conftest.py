"""Fixtures of the training tests: the tiny model, rows for it, and one finished job."""

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from tiny_student import Child, Finished, make_base, make_row, start_child, write_trainset

from distiller.training.spec import TrainSpec


@pytest.fixture(scope="session")
def base(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_base(tmp_path_factory.mktemp("base"))


@pytest.fixture(scope="session")
def trainset(tmp_path_factory: pytest.TempPathFactory) -> Path:
    train = [make_row(i, passed=i % 8 != 0) for i in range(96)]
    return write_trainset(
        tmp_path_factory.mktemp("sets") / "one", train, [make_row(i) for i in range(96, 120)]
    )


@pytest.fixture(scope="session")
def spec_for(base: Path, trainset: Path) -> Callable[..., TrainSpec]:
    def make(job: Path, **changes: Any) -> TrainSpec:
        given = {
            "trainset": trainset, "base": base, "base_name": str(base), "out": job / "out", "epochs": 6.0,
            "batch": 8, "lr": 1e-2, "device": "cpu", "threads": 1, "seed": 3, "checkpoint_every": 5,
            "max_new_tokens": 8, "precision": "fp32", "student_name": "tiny", "task_id": "light",
        }  # fmt: skip
        spec = TrainSpec(**{**given, **changes})
        spec.save(job)
        return spec

    return make


@pytest.fixture
def child(tmp_path: Path) -> Iterator[Callable[[Path], Child]]:
    started: list[Child] = []

    def start(job: Path) -> Child:
        started.append(start_child(job))
        return started[-1]

    yield start
    for one in started:
        one.process.kill()
        one.process.wait()
        for pipe in (one.process.stdin, one.process.stdout):
            if pipe is not None:
                pipe.close()


@pytest.fixture(scope="session")
def finished(tmp_path_factory: pytest.TempPathFactory, spec_for: Callable[..., TrainSpec]) -> Finished:
    """One whole job, never interrupted."""
    job = tmp_path_factory.mktemp("job")
    spec = spec_for(job)
    one = start_child(job)
    assert one.finish() == 0, (job / "log.txt").read_text()[-3000:]
    for pipe in (one.process.stdin, one.process.stdout):
        assert pipe is not None
        pipe.close()
    return Finished(job, spec, one.events, json.loads((job / "result.json").read_text()))
