"""The pure parts: the order of training, the spec, the text of messages."""

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from distiller.training.batches import SHARE_AT_LEAST, packs, plan, portions, schedule, shared_prefix
from distiller.training.rows import read_rows
from distiller.training.spec import SpecError, TrainSpec
from distiller.training.template import read_answer
from store.vocabulary import Program

lengths = st.lists(st.integers(1, 500), min_size=1, max_size=80)


@given(lengths, st.integers(1, 16), st.integers(1, 3), st.integers(0, 9))
def test_every_epoch_sees_every_example_once(sizes: list[int], batch: int, epochs: int, seed: int) -> None:
    steps = plan(sizes, batch, epochs, seed)
    per_epoch = -(-len(sizes) // batch)
    assert len(steps) == per_epoch * epochs
    for e in range(epochs):
        seen = [i for step in steps[e * per_epoch : (e + 1) * per_epoch] for i in step]
        assert sorted(seen) == list(range(len(sizes)))
    assert steps == plan(sizes, batch, epochs, seed), "a resumed run makes the same plan"


@given(lengths, st.integers(1, 2000))
def test_portions_hold_everything_within_the_budget(sizes: list[int], budget: int) -> None:
    parts = portions(sizes, budget)
    assert sorted(i for part in parts for i in part) == list(range(len(sizes)))
    assert all(len(part) == 1 or len(part) * max(sizes[i] for i in part) <= budget for part in parts)


@given(lengths, st.integers(0, 9), st.integers(1, 2000))
def test_packs_count_what_is_shared_once(rests: list[int], common: int, budget: int) -> None:
    sizes = [common + rest for rest in rests]
    parts = packs(sizes, common, budget)
    assert sorted(i for part in parts for i in part) == list(range(len(sizes)))
    assert all(len(part) == 1 or common + sum(rests[i] for i in part) <= budget for part in parts)


@given(
    st.lists(st.integers(0, 3), max_size=200), st.lists(st.lists(st.integers(0, 3), max_size=9), max_size=6)
)
def test_a_shared_prefix_is_shared_and_leaves_every_prompt_a_token(
    head: list[int], tails: list[list[int]]
) -> None:
    prompts = [[*head, *tail, 9] for tail in tails]
    same = shared_prefix(prompts)
    assert len({tuple(p[:same]) for p in prompts}) <= 1
    assert all(len(p) > same for p in prompts)
    if len(prompts) > 1 and len(head) * (len(prompts) - 1) >= SHARE_AT_LEAST:
        assert same >= len(head)


@given(st.integers(1, 1000), st.data())
def test_the_schedule_stays_between_nothing_and_the_peak(of: int, data: st.DataObject) -> None:
    step = data.draw(st.integers(0, of - 1))
    assert 0 < schedule(step, of) <= 1
    assert schedule(of - 1, of) <= max(schedule(of // 2, of), 0.55)


def test_a_spec_survives_its_file(tmp_path: Path) -> None:
    spec = TrainSpec(
        trainset=tmp_path / "t", base=tmp_path / "b", out=tmp_path / "o", epochs=1, lr=2e-3,
        program=Program(head=(), head_hash="ab"),
    )  # fmt: skip
    spec.save(tmp_path / "job")
    assert TrainSpec.load(tmp_path / "job") == spec


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ({"rank": 0}, "rank must be at least 1"),
        ({"epochs": 0}, "epochs must be above 0"),
        ({"device": "tpu"}, "device must be one of auto, cpu, cuda"),
        ({"batch": "8"}, "batch must be a int, not '8'"),
        ({"colour": 1}, "unknown field 'colour'"),
        ({"program": {"x": 1}}, "program: a program is an object with the fields head, demos, head_hash"),
    ],
)
def test_a_bad_spec_is_refused_in_words(change: dict[str, Any], sentence: str) -> None:
    with pytest.raises(SpecError, match=sentence):
        TrainSpec.from_json({"trainset": "/t", "base": "/b", "out": "/o", **change})
    with pytest.raises(SpecError, match="incomplete"):
        TrainSpec.from_json({})


def test_rows_are_rewritten_by_the_reader(tmp_path: Path) -> None:
    from store.prompt import head_hash  # noqa: PLC0415

    mine = {"model": "m", "messages": [{"role": "system", "content": "s"}, {"role": "user", "content": "u"}]}
    other = {"model": "m", "messages": [{"role": "system", "content": "z"}, {"role": "user", "content": "u"}]}
    lines = [
        {"call_id": str(i), "unit": "u", "request": r, "completion": {"role": "assistant", "content": "a"},
         "passed": i != 2, "score": None}
        for i, r in enumerate([mine, other, mine])
    ]  # fmt: skip
    path = tmp_path / "train.jsonl"
    path.write_text("".join(json.dumps(line) + "\n" for line in lines))
    found = read_rows(path, Program(head=(), head_hash=head_hash(mine)))
    assert [r.request["messages"] for r in found.rows] == [[{"role": "user", "content": "u"}]] * 2
    assert [r.passed for r in found.rows] == [True, False]
    assert found.foreign == 1


def test_calls_are_read_back_from_text() -> None:
    text = 'one moment\n<tool_call>\n{"name": "f", "arguments": {"a": 1}}\n</tool_call>'
    message = read_answer(text)
    assert message["content"] == "one moment"
    assert message["tool_calls"][0]["function"] == {"name": "f", "arguments": '{"a": 1}'}
    broken = "<tool_call>\n{nothing}\n</tool_call>"
    assert read_answer(broken) == {"role": "assistant", "content": broken}
