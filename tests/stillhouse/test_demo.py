"""The demo's own parts: what it plays, who stands in for the teacher, how it judges itself."""

import itertools
import json
import random

import httpx
import pytest

from distiller.training.spec import DEFAULT_BASE
from stillhouse.demo import dataset, teacher
from stillhouse.demo.dataset import DatasetError
from stillhouse.demo.options import DemoOptions
from stillhouse.demo.stage import Stage
from stillhouse.demo.summary import wilson_lower
from stillhouse.demo.tickets import INSTRUCTIONS, SCHEMA, Pair, tickets
from stillhouse.settings import load
from store.vocabulary import Task


def first(n, seed=7):
    return list(itertools.islice(tickets(seed), n))


def test_tickets_are_distinct_repeatable_and_fit_their_schema():
    seen = first(3000)
    assert len({pair.input for pair in seen}) == 3000
    assert seen == first(3000)
    assert seen[:50] != first(50, seed=8)
    for pair in seen:
        answer = json.loads(pair.output)
        assert set(answer) == set(SCHEMA["required"])
        assert answer["category"] in SCHEMA["properties"]["category"]["enum"]
        assert answer["priority"] in SCHEMA["properties"]["priority"]["enum"]


def test_a_tickets_order_number_stands_in_its_text_but_for_a_slip():
    named = [(p.input, json.loads(p.output)["order"]) for p in first(2000)]
    with_order = [(text, order) for text, order in named if order]
    assert 0.5 < len(with_order) / len(named) < 0.7
    kept = sum(order.lower() in text.lower() for text, order in with_order)
    assert kept / len(with_order) > 0.97


def test_pairs_are_read_from_jsonl_and_csv_each_input_once(tmp_path):
    lines = [{"text": "a", "intent": "x"}, {"text": "b", "intent": "y"}, {"text": "a", "intent": "z"}]
    jsonl = tmp_path / "p.jsonl"
    jsonl.write_text("\n".join(map(json.dumps, lines)), "utf-8")
    assert dataset.load(jsonl) == [Pair(input="a", output="x"), Pair(input="b", output="y")]
    csv = tmp_path / "p.csv"
    csv.write_text('q,a\n"hello, there",greet\n', "utf-8")
    assert dataset.load(csv, "q", "a") == [Pair(input="hello, there", output="greet")]


@pytest.mark.parametrize(
    ("name", "text", "says"),
    [
        ("p.jsonl", "", "holds no rows"),
        ("p.jsonl", '{"text": "a"', "line 1: not JSON"),
        ("p.jsonl", "[1]", "expected a JSON object"),
        ("p.jsonl", '{"foo": 1}', "no input field; it has foo. Name one with --input-field"),
        ("p.jsonl", '{"text": "a", "intent": "x"}\n{"text": "b"}', "row 2: it lacks"),
        ("p.csv", "text,foo\na,b\n", "no output field"),
    ],
)
def test_a_bad_dataset_is_one_sentence(tmp_path, name, text, says):
    path = tmp_path / name
    path.write_text(text, "utf-8")
    with pytest.raises(DatasetError, match=says):
        dataset.load(path)


def test_a_missing_dataset_is_one_sentence(tmp_path):
    with pytest.raises(DatasetError, match="cannot be read"):
        dataset.load(tmp_path / "none.jsonl")


def test_pairs_are_played_in_random_order_that_repeats():
    pairs = [Pair(input=str(i), output=str(i % 3)) for i in range(100)]
    mixed = dataset.shuffled(pairs, 1)
    assert mixed != pairs
    assert sorted(mixed, key=lambda p: int(p.input)) == pairs
    assert mixed == dataset.shuffled(pairs, 1)
    assert dataset.instructions(pairs) == "Classify the message. Answer with exactly one of: 0, 1, 2."


async def test_the_stand_in_teacher_answers_from_its_labels_and_says_what_it_is():
    transport = httpx.ASGITransport(teacher.build({"hello": "greet"}))
    client = httpx.AsyncClient(transport=transport, base_url="http://teacher")
    body = {
        "model": "any",
        "messages": [{"role": "system", "content": "s"}, {"role": "user", "content": "hello"}],
    }
    answer = (await client.post("/v1/chat/completions", json=body)).json()
    assert answer["choices"][0]["message"]["content"] == "greet"
    assert answer["model"] == "stand-in-teacher"
    assert answer["usage"]["total_tokens"] > 0
    streamed = (await client.post("/v1/chat/completions", json={**body, "stream": True})).text
    chunks = [json.loads(line[6:]) for line in streamed.splitlines() if line.startswith("data: {")]
    assert "".join(c["choices"][0]["delta"].get("content", "") for c in chunks) == "greet"
    assert streamed.endswith("data: [DONE]\n\n")
    unknown = await client.post("/v1/chat/completions", json={**body, "messages": []})
    assert unknown.status_code == 400
    assert "knows only the demo's own inputs" in unknown.json()["error"]["message"]
    assert (await client.get("/v1/models")).json()["data"][0]["id"] == teacher.MODEL


def test_the_lower_bound_covers_the_truth_as_often_as_it_says():
    rng = random.Random(3)
    truth, n, runs = 0.95, 200, 2000
    covered = sum(wilson_lower(sum(rng.random() < truth for _ in range(n)), n) <= truth for _ in range(runs))
    assert covered / runs >= 0.93
    assert wilson_lower(0, 0) == 0.0
    assert wilson_lower(200, 200) < 1.0


def test_the_demos_settings_are_valid_and_say_what_it_promises(tmp_path):
    options = DemoOptions(folder=tmp_path, warmup=700, margin=0.04)
    stage = Stage(folder=tmp_path, options=options, base=tmp_path / DEFAULT_BASE, labels=[])
    file = tmp_path / "stillhouse.yaml"
    file.write_text(json.dumps(stage.config()), "utf-8")  # JSON is YAML
    settings = load(file, {})
    policy = settings.task_policy(Task(task_id="any", name="any"))
    assert (policy.mode, policy.delta, policy.alpha, policy.profile) == ("auto", 0.04, 0.05, "replay")
    assert settings.distiller.min_examples == 700
    assert "category" in INSTRUCTIONS
