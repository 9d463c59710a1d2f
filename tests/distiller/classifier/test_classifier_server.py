"""The server of a classifier as apps see it: through the OpenAI SDK, and where it must refuse."""

import json
import math
import socket

import httpx
import openai
import pytest
from tiny_encoder import HEAD, LABELS, end, start

from distiller.classifier.model import Classifier, Decision
from distiller.classifier.reply import reply
from distiller.serving import probe

ASKED = [*HEAD, {"role": "user", "content": "stone stone stone river"}]


@pytest.fixture(scope="module")
def url(made, tmp_path_factory):
    log = tmp_path_factory.mktemp("server") / "log.txt"
    process = start(
        "distiller.serving.classifier", "--weights", made.job / "out" / "classifier", "--port", 0, "--model", "kinds",
        log=log,
    )  # fmt: skip
    ready = json.loads(process.stdout.readline())
    assert ready["event"] == "ready", log.read_text()
    assert ready["model"] == "kinds"
    yield ready["url"]
    process.stdin.close()
    assert process.wait(20) == 0
    end(process)


@pytest.fixture
def client(url):
    with openai.OpenAI(base_url=f"{url}/v1", api_key="none", max_retries=0) as made_client:
        yield made_client


def test_an_answer_with_its_confidence(client, made):
    found = client.chat.completions.create(model="kinds", messages=ASKED, logprobs=True, top_logprobs=3)
    [choice] = found.choices
    assert (found.model, choice.finish_reason) == ("kinds", "stop")
    assert choice.message.content in LABELS
    [entry] = choice.logprobs.content
    assert entry.token == choice.message.content == bytes(entry.bytes).decode()
    assert next(top.token for top in entry.top_logprobs) == entry.token
    assert sum(math.exp(top.logprob) for top in entry.top_logprobs) == pytest.approx(1, abs=1e-4)
    loaded = Classifier.load(made.job / "out" / "classifier")
    decision = loaded.decide({"messages": ASKED})
    assert entry.logprob == pytest.approx(float(decision.log_probs.max()), abs=1e-5)
    assert found.usage.total_tokens == found.usage.prompt_tokens + found.usage.completion_tokens
    assert found.usage.prompt_tokens == 6


def test_without_being_asked_it_tells_no_confidence(client):
    found = client.chat.completions.create(model="kinds", messages=ASKED)
    assert found.choices[0].logprobs is None


def test_a_stream_says_the_same(client):
    whole = client.chat.completions.create(model="kinds", messages=ASKED)
    options = {"include_usage": True}
    stream = list(
        client.chat.completions.create(
            model="kinds", messages=ASKED, stream=True, stream_options=options, logprobs=True
        )
    )
    said = "".join(c.choices[0].delta.content or "" for c in stream if c.choices)
    assert said == whole.choices[0].message.content
    assert [c.choices[0].finish_reason for c in stream if c.choices][-1] == "stop"
    assert [
        c.choices[0].logprobs.content[0].token for c in stream if c.choices and c.choices[0].logprobs
    ] == [said]
    assert stream[-1].usage == whole.usage
    assert len({c.id for c in stream}) == 1
    plain = client.chat.completions.create(model="kinds", messages=ASKED, stream=True)
    assert all(c.usage is None for c in plain)


def test_it_ends_a_stream_as_openai_does(url):
    body = {"model": "kinds", "messages": ASKED, "stream": True}
    found = httpx.post(f"{url}/v1/chat/completions", json=body)
    assert found.headers["content-type"].startswith("text/event-stream")
    assert found.text.endswith("data: [DONE]\n\n")


def test_anything_is_answered_and_it_says_who_it_is(url, client):
    assert probe.answers(url, "kinds", 10.0)
    assert [model.id for model in client.models.list()] == ["kinds"]
    assert httpx.get(f"{url}/health").json() == {"status": "ok"}
    long = [{"role": "user", "content": "red " * 20000}]
    assert client.chat.completions.create(model="x", messages=long).choices[0].message.content in LABELS


@pytest.mark.parametrize(
    ("change", "param"),
    [
        ({"n": 2}, "n"),
        ({"messages": []}, "messages"),
        ({"messages": "hello"}, "messages"),
        (
            {"messages": [{"role": "user", "content": [{"type": "image_url", "image_url": {"url": "x"}}]}]},
            "messages",
        ),
        ({"top_logprobs": 21}, "top_logprobs"),
        ({"modalities": ["audio"]}, "modalities"),
    ],
)
def test_what_it_cannot_do_is_refused_as_openai_would(client, change, param):
    with pytest.raises(openai.BadRequestError) as refused:
        client.chat.completions.create(**{"model": "kinds", "messages": ASKED, **change})
    assert refused.value.param == param
    assert refused.value.type == "invalid_request_error"


def test_what_is_no_request_is_refused(url):
    assert httpx.post(f"{url}/v1/chat/completions", content=b"{").status_code == 400
    assert httpx.post(f"{url}/v1/chat/completions", content=b"[1]").status_code == 400
    assert httpx.get(f"{url}/v1/elsewhere").status_code == 404


def test_no_web_page_may_read_an_answer(url):
    asked = {"origin": "https://example.com", "access-control-request-method": "POST"}
    found = httpx.options(f"{url}/v1/chat/completions", headers=asked)
    assert "access-control-allow-origin" not in found.headers
    assert found.status_code == 404


def test_tool_calls_are_made_with_fresh_ids(made):
    loaded = Classifier.load(made.job / "out" / "classifier")
    function = {"name": "weather", "arguments": '{"city": "Rome"}'}
    answer = {
        "role": "assistant",
        "content": None,
        "tool_calls": [{"type": "function", "function": function}],
    }
    calls = Classifier(
        encoder=loaded.encoder, head=loaded.head, template=loaded.template, answers=(answer,) * 3
    )
    decision: Decision = calls.decide({"messages": ASKED})
    first, second = (reply(calls, {"logprobs": True}, decision, model="m", now=0.0) for _ in range(2))
    [call] = first.whole()["choices"][0]["message"]["tool_calls"]
    assert call["function"] == function
    assert call["id"] != second.message["tool_calls"][0]["id"]
    assert first.whole()["choices"][0]["finish_reason"] == "tool_calls"
    deltas = [chunk["choices"][0]["delta"] for chunk in first.chunks(with_usage=False)]
    assert deltas == [{"role": "assistant", "content": None}, {"tool_calls": [{"index": 0, **call}]}, {}]
    assert first.logprobs["content"][0]["token"] == json.dumps([function])


def test_a_server_that_cannot_start_says_why(tmp_path, made):
    nothing = start("distiller.serving.classifier", "--weights", tmp_path, "--port", 0, log=tmp_path / "log")
    told = json.loads(nothing.stdout.readline())
    assert told["event"] == "error"
    assert "no classifier" in told["message"]
    assert nothing.wait(20) == 1
    end(nothing)
    with socket.create_server(("127.0.0.1", 0)) as taken:
        weights, port = made.job / "out" / "classifier", taken.getsockname()[1]
        other = start(
            "distiller.serving.classifier", "--weights", weights, "--port", port, log=tmp_path / "log"
        )
        assert "cannot listen" in json.loads(other.stdout.readline())["message"]
        assert other.wait(20) == 1
        end(other)
