"""From rows to an answering server, with a model made here."""

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from tiny_student import ROOT, Finished

from distiller.evaluation import compare
from distiller.evaluation.parity import SHARE
from distiller.training.encode import tokens
from distiller.training.model import load_tokenizer
from distiller.training.template import render


def held_rows(done: Finished) -> dict[str, dict[str, Any]]:
    lines = (done.spec.trainset / "heldout.jsonl").read_text().splitlines()
    return {row["call_id"]: row for row in map(json.loads, lines)}


@pytest.fixture
def server(finished: Finished) -> Iterator[str]:
    gguf = finished.job / "out" / "student.gguf"
    process = subprocess.Popen(
        [sys.executable, "-m", "distiller.serving.process", "--weights", str(gguf), "--port", "0", "--model", "tiny",
         "--context", "256", "--threads", "1"],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True, cwd=ROOT,
    )  # fmt: skip
    assert process.stdin is not None
    assert process.stdout is not None
    ready = json.loads(process.stdout.readline())
    assert ready["event"] == "ready", ready
    yield ready["url"]
    process.stdin.close()
    assert process.wait(10) == 0, "the server leaves when its standard input closes"
    process.stdout.close()


def test_the_child_reports_every_phase_and_leaves_everything(finished: Finished) -> None:
    events = finished.events
    assert events[-1] == {"event": "done"}
    phases = [e["phase"] for e in events if e["event"] == "progress"]
    assert sorted(set(phases), key=phases.index) == ["load", "bootstrap", "train", "export", "generate"]
    steps = [e for e in events if e.get("phase") == "train"]
    assert all(e.keys() >= {"step", "of", "loss", "tokens_per_s", "eta_s", "peak_mb"} for e in steps)
    assert steps[-1]["step"] == steps[-1]["of"] == finished.result["steps"]
    assert steps[-1]["loss"] < steps[0]["loss"] / 3, "it learns"
    out = finished.job / "out"
    assert (out / "adapter" / "adapter_model.safetensors").is_file()
    assert (out / "student.gguf").read_bytes()[:4] == b"GGUF"
    assert {
        json.loads(line)["call_id"] for line in (out / "heldout_outputs.jsonl").read_text().splitlines()
    } == set(held_rows(finished))


def test_only_passing_rows_are_learnt(finished: Finished) -> None:
    assert finished.result["rows"] == 96
    assert finished.result["trained_rows"] == 84


def test_the_endpoint_answers_as_the_trainer_did(finished: Finished, server: str) -> None:
    rows = held_rows(finished)
    lines = map(json.loads, (finished.job / "out" / "heldout_outputs.jsonl").read_text().splitlines())
    trained = {line["call_id"]: line["text"] for line in lines}
    served = {}
    with httpx.Client(base_url=server) as client:
        for call_id, row in rows.items():
            answer = client.post("/v1/chat/completions", json={**row["request"], "max_tokens": 8})
            served[call_id] = answer.json()["choices"][0]["message"]["content"]

    def scores(answers: dict[str, str]) -> dict[str, float]:
        return {i: float(text == rows[i]["completion"]["content"]) for i, text in answers.items()}

    parity = compare(scores(trained), scores(served))
    assert parity is not None
    assert parity.share >= SHARE, (trained, served)
    right = sum(text == rows[i]["completion"]["content"] for i, text in served.items())
    assert right >= 0.9 * len(rows), "and it answers the task"


def test_the_endpoint_renders_the_trainers_prompt(finished: Finished, server: str) -> None:
    tokenizer = load_tokenizer(finished.spec.base)
    look = {
        "name": "look",
        "strict": True,
        "parameters": {"type": "object", "properties": {"at": {"type": "string"}}},
    }
    tools = [{"type": "function", "function": f} for f in (look, {"name": "wait", "description": "a while"})]
    messages: list[dict[str, Any]] = [
        {"role": "system", "content": "dark"},
        {"role": "user", "content": [{"type": "text", "text": "two"}, {"type": "text", "text": " parts, é 42"}]},
        {"role": "assistant", "content": None, "tool_calls": [
            {"id": "1", "type": "function", "function": {"name": "look", "arguments": '{"at": "river"}'}}]},
        {"role": "tool", "tool_call_id": "1", "content": "cold"},
    ]  # fmt: skip
    for given in (None, tools):
        body = {"messages": messages if given else messages[:2], "tools": given or []}
        with httpx.Client(base_url=server) as client:
            prompt = client.post("/apply-template", json=body).json()["prompt"]
            ids = client.post("/tokenize", json={"content": prompt, "parse_special": True}).json()["tokens"]
        assert prompt == render(tokenizer, body["messages"], given)
        assert tuple(ids) == tokens(tokenizer, prompt)


def test_the_endpoint_speaks_openai(server: str) -> None:
    asked = {"model": "x", "messages": [{"role": "user", "content": "red"}], "max_tokens": 4}
    with httpx.Client(base_url=server) as client:
        health = client.get("/health", headers={"origin": "https://elsewhere.example"})
        assert (health.status_code, health.headers.get("access-control-allow-origin")) == (200, "")
        plain = client.post("/v1/chat/completions", json={**asked, "logprobs": True}).json()
        assert plain["usage"]["completion_tokens"] == len(plain["choices"][0]["logprobs"]["content"])
        options = {"stream": True, "stream_options": {"include_usage": True}}
        with client.stream("POST", "/v1/chat/completions", json={**asked, **options}) as stream:
            lines = [line for line in stream.iter_lines() if line]
        assert lines[-1] == "data: [DONE]"
        assert json.loads(lines[-2].removeprefix("data: "))["usage"]["prompt_tokens"] > 0
        wanted = {"type": "json_schema", "json_schema": {"name": "a", "schema": {"enum": ["a", "b"]}}}
        shaped = client.post(
            "/v1/chat/completions", json={**asked, "max_tokens": 20, "response_format": wanted}
        )
        assert json.loads(shaped.json()["choices"][0]["message"]["content"]) in ("a", "b")
        long = {**asked, "messages": [{"role": "user", "content": "red " * 999}]}
        assert client.post("/v1/chat/completions", json=long).status_code == 400


def test_a_second_server_on_the_same_port_says_so(finished: Finished, server: str) -> None:
    gguf = finished.job / "out" / "student.gguf"
    port = server.rsplit(":", 1)[1]
    done = subprocess.run(
        [sys.executable, "-m", "distiller.serving.process", "--weights", str(gguf), "--port", port],
        stdin=subprocess.DEVNULL, capture_output=True, text=True, cwd=ROOT, check=False,
    )  # fmt: skip
    assert done.returncode == 1
    assert json.loads(done.stdout)["message"] == f"cannot listen on 127.0.0.1:{port}: Address already in use"


def test_a_file_that_is_no_model_is_refused_in_words(tmp_path: Path) -> None:
    broken = tmp_path / "student.gguf"
    broken.write_bytes(b"GGUF and then nothing")
    done = subprocess.run(
        [sys.executable, "-m", "distiller.serving.process", "--weights", str(broken), "--port", "0"],
        stdin=subprocess.PIPE, capture_output=True, text=True, cwd=ROOT, check=False,
    )  # fmt: skip
    assert done.returncode == 1
    assert "did not start" in json.loads(done.stdout)["message"]
