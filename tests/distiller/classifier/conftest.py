"""The tiny encoder, a trainset, and one finished student."""

import json
from types import SimpleNamespace

import pytest
from tiny_encoder import end, events, make_encoder, make_row, spec_for, start, write_trainset


@pytest.fixture(scope="session")
def tiny(tmp_path_factory):
    return make_encoder(tmp_path_factory.mktemp("encoder"))


@pytest.fixture(scope="session")
def labelled(tmp_path_factory):
    train = [make_row(i, passed=i % 11 != 0) for i in range(640)]
    return write_trainset(
        tmp_path_factory.mktemp("sets") / "one", train, [make_row(i) for i in range(640, 700)]
    )


@pytest.fixture(scope="session")
def made(tmp_path_factory, tiny, labelled):
    """One job, never interrupted."""
    job = tmp_path_factory.mktemp("job")
    spec_for(job, labelled, tiny)
    child = start("distiller.classifier.child", job, log=job / "log.txt")
    told = list(events(child))
    code = child.wait(60)
    end(child)
    assert code == 0, told[-1:]
    return SimpleNamespace(job=job, events=told, result=json.loads((job / "result.json").read_text()))
