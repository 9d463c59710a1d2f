import asyncio
import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from slowpath import request, said

from distiller.scoring.client import ScorerClient
from distiller.scoring.spec import Item, MetricSpec, ScorerUnavailable

HERE = Path(__file__).parent
LABEL = MetricSpec(name="label")


def item(reference, candidate, text="a thing"):
    return Item(request=request(text), reference=reference and said(reference), candidate=said(candidate))


@pytest.fixture
async def scorer(tmp_path):
    environ = {**os.environ, "PYTHONPATH": f"{HERE}{os.pathsep}{HERE.parents[1]}"}
    client = ScorerClient(cache=tmp_path / "cache", timeout_s=60, environ=environ)
    yield client
    await client.close()


async def test_answers_come_back_in_order_over_many_batches(scorer):
    items = [item("red", "red" if i % 3 else "blue") for i in range(250)]
    scored = await scorer.score(LABEL, items)
    assert [s.value for s in scored] == [float(i % 3 > 0) for i in range(250)]
    assert await scorer.version(LABEL) == "1"


async def test_a_scorer_that_was_killed_is_started_again(scorer):
    await scorer.version(LABEL)
    os.kill(scorer.pid, signal.SIGKILL)
    both = await asyncio.gather(*(scorer.score(LABEL, [item("red", "red")]) for _ in range(2)))
    assert [s.value for (s,) in both] == [1.0, 1.0]


async def test_a_forgetful_scorer_lets_go_of_its_cache(scorer, tmp_path):
    await scorer.version(LABEL)
    (tmp_path / "cache" / "inner").mkdir(parents=True)
    (tmp_path / "cache" / "inner" / "entry").write_text("what somebody said")
    first = scorer.pid
    await scorer.forget()
    assert scorer.pid is None
    assert not (tmp_path / "cache").exists()
    await scorer.forget()
    assert await scorer.version(LABEL) == "1"
    assert scorer.pid != first


async def test_a_scorer_that_cannot_start_is_said_to_be_unavailable(tmp_path):
    client = ScorerClient(cache=tmp_path, command=(sys.executable, "-c", "pass"))
    with pytest.raises(ScorerUnavailable, match="died or hung"):
        await client.version(LABEL)
    await client.close()


async def test_an_unknown_metric_and_a_missing_module_are_named(scorer):
    with pytest.raises(ScorerUnavailable, match="no metric named nonsense"):
        await scorer.score(MetricSpec(name="nonsense"), [item("a", "a")])
    with pytest.raises(ScorerUnavailable, match="cannot load the metric python:no_such_module:f"):
        await scorer.version(MetricSpec(name="python:no_such_module:f"))


async def test_a_users_metric_gets_dspys_objects(scorer):
    def user(name):
        return MetricSpec(name=f"python:user_metrics:{name}")

    pair = Item(
        request=request("ship it"),
        reference=said('{"category": "bug"}'),
        candidate=said('{"category": "bug", "note": "ship it"}'),
    )
    assert [s.value for s in await scorer.score(user("same_category"), [pair])] == [1.0]
    assert [s.value for s in await scorer.score(user("mentions_the_input"), [pair])] == [1.0]
    (failed,) = await scorer.score(user("broken"), [pair])
    assert failed.value is None
    assert "KeyError" in failed.reason
    (off,) = await scorer.score(user("off_the_scale"), [pair])
    assert off.value is None
    assert "between 0 and 1" in off.reason
    assert len(await scorer.version(user("broken"))) == 12


def test_the_process_stops_when_its_input_closes():
    process = subprocess.Popen(
        [sys.executable, "-m", "distiller.scoring.process"], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    )
    line = {"id": 1, "op": "version", "metric": {"name": "label"}}
    process.stdin.write(b"not json\n" + json.dumps(line).encode() + b"\n")
    process.stdin.flush()
    assert "error" in json.loads(process.stdout.readline())
    assert json.loads(process.stdout.readline()) == {"id": 1, "version": "1"}
    process.stdin.close()
    assert process.wait(10) == 0
    process.stdout.close()
