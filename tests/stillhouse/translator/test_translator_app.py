"""The translator's own manners, with a made-up litellm: whom it answers, what it lets through, how it ends."""

import asyncio
import json
from types import SimpleNamespace

import httpx
import pytest

from stillhouse.translator.app import Translator
from stillhouse.translator.door import Door
from stillhouse.translator.failures import of_error
from stillhouse.translator.target import Target, Unsaid, resolved

KEY = "sk-provider-secret"
ASKED = {"model": "claude", "messages": [{"role": "user", "content": "hi"}]}


class Said:
    def __init__(self, **plain):
        self.plain = plain

    def model_dump(self, **_):
        return dict(self.plain)


class Model:
    """Stands in for litellm.acompletion."""

    def __init__(self, answer=None, pieces=(), error=None, late=None):
        self.called = []
        self.answer, self.pieces, self.error, self.late = answer, pieces, error, late
        self.cancelled = asyncio.Event()

    async def __call__(self, **arguments):
        self.called.append(arguments)
        if self.error is not None:
            raise self.error
        return self.stream() if arguments.get("stream") else self.answer

    async def stream(self):
        try:
            for piece in self.pieces:
                yield piece
            if self.late is not None:
                raise self.late
        except (asyncio.CancelledError, GeneratorExit):
            self.cancelled.set()
            raise


def translator(model, **params):
    target = Target(name="claude", params={"model": "anthropic/claude-x", **params}, api_key=KEY)
    return Translator({"claude": target}, "token-1", model)


async def ask(
    model, body=ASKED, path="/claude/v1/chat/completions", token="token-1", method="POST", **params
):
    transport = httpx.ASGITransport(translator(model, **params))
    async with httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1") as client:
        content = body if isinstance(body, bytes) else json.dumps(body)
        headers = {"authorization": f"Bearer {token}"}
        return await client.request(method, path, content=content, headers=headers)


def completion():
    return Said(id="x", choices=[{"index": 0, "message": {"role": "assistant", "tool_calls": []}}])


async def test_an_answer_is_what_litellm_says_with_openais_two_nulls():
    answer = await ask(Model(completion()))
    assert answer.status_code == 200
    assert answer.json()["choices"] == [
        {
            "index": 0,
            "finish_reason": None,
            "message": {"role": "assistant", "tool_calls": [], "content": None},
        }
    ]


async def test_the_operators_words_win_and_the_app_names_no_place():
    model = Model(completion())
    body = {
        **ASKED,
        "temperature": 1,
        "max_tokens": 9,
        "user": "ann",
        "metadata": {"task": "t"},
        "stop": None,
    }
    await ask(model, body, api_base="http://10.0.0.1", temperature=0)
    assert model.called == [
        {
            "messages": ASKED["messages"],
            "max_tokens": 9,
            "temperature": 0,
            "api_base": "http://10.0.0.1",
            "api_key": KEY,
            "model": "anthropic/claude-x",
            "num_retries": 0,
            "max_retries": 0,
            "_skip_mcp_handler": True,
        }
    ]


@pytest.mark.parametrize(
    "name",
    ["api_base", "base_url", "api_key", "custom_llm_provider", "extra_headers", "fallbacks", "mock_response"],
)
async def test_what_would_lead_a_call_elsewhere_is_refused(name):
    model = Model(completion())
    answer = await ask(model, {**ASKED, name: "x"})
    assert (answer.status_code, answer.json()["error"]["param"]) == (400, name)
    assert answer.json()["error"]["code"] == "unsupported_parameter"
    assert model.called == []


@pytest.mark.parametrize(
    ("change", "status"),
    [
        ({"token": "token-2"}, 401),
        ({"path": "/nobody/v1/chat/completions"}, 404),
        ({"path": "/claude/v1/responses"}, 404),
        ({"method": "GET"}, 404),
        ({"body": b"{"}, 400),
        ({"body": b"[]"}, 400),
    ],
)
async def test_who_may_not_ask_and_what_is_not_asked_here(change, status):
    model = Model(completion())
    answer = await ask(model, **change)
    assert answer.status_code == status
    assert set(answer.json()["error"]) == {"message", "type", "param", "code"}
    assert model.called == []


async def test_an_error_keeps_its_status_and_what_a_client_waits_by_and_no_key():
    error = RuntimeError()
    error.status_code, error.message = (
        429,
        f"slow down, {KEY}\nTraceback (most recent call last):\n secret file",
    )
    error.response = SimpleNamespace(headers=httpx.Headers({"Retry-After": "3", "set-cookie": "a=b"}))
    answer = await ask(Model(error=error))
    assert answer.status_code == 429
    assert answer.headers["retry-after"] == "3"
    assert "set-cookie" not in answer.headers
    assert answer.json()["error"] == {
        "message": "slow down, ***", "type": "rate_limit_error", "param": None, "code": None,
    }  # fmt: skip


@pytest.mark.parametrize("status", [None, 200, 0, 700, "429", True])
def test_an_error_without_a_status_of_its_own_is_a_bad_gateway(status):
    error = ValueError("internal words")
    error.status_code = status
    failure = of_error(error)
    assert failure.status == 502
    assert (
        json.loads(failure.body)["error"]["message"] == "The provider's answer could not be used: ValueError."
    )


async def test_a_stream_ends_with_its_mark():
    model = Model(pieces=[Said(choices=[{"index": 0, "delta": {"content": c}}]) for c in "ab"])
    answer = await ask(model, {**ASKED, "stream": True})
    assert answer.headers["content-type"] == "text/event-stream"
    *events, done = answer.text.strip().split("\n\n")
    assert [json.loads(e[6:])["choices"][0]["delta"]["content"] for e in events] == ["a", "b"]
    assert done == "data: [DONE]"


async def test_an_error_before_the_first_piece_is_no_stream_and_one_after_it_has_no_mark():
    error = RuntimeError()
    error.status_code, error.message = 529, f"overloaded {KEY}"
    answer = await ask(Model(late=error), {**ASKED, "stream": True})
    assert (answer.status_code, answer.headers["content-type"]) == (529, "application/json")
    answer = await ask(Model(pieces=[Said(choices=[])], late=error), {**ASKED, "stream": True})
    assert answer.status_code == 200
    assert answer.text.strip().split("\n\n")[-1] == (
        'data: {"error":{"message":"overloaded ***","type":"api_error","param":null,"code":null}}'
    )


async def test_hanging_up_cancels_the_providers_call():
    waiting = asyncio.Event()

    class Endless(Model):
        async def stream(self):
            try:
                yield Said(choices=[])
                waiting.set()
                await asyncio.sleep(60)
            finally:
                self.cancelled.set()

    model = Endless()
    sent = [{"type": "http.request", "body": json.dumps({**ASKED, "stream": True}).encode()}]

    async def receive():
        if sent:
            return sent.pop()
        await waiting.wait()
        return {"type": "http.disconnect"}

    async def send(_):
        pass

    scope = {
        "type": "http", "method": "POST", "path": "/claude/v1/chat/completions",
        "headers": [(b"authorization", b"Bearer token-1")],
    }  # fmt: skip
    await asyncio.wait_for(translator(model)(scope, receive, send), 10)
    await asyncio.wait_for(model.cancelled.wait(), 10)


def test_a_glob_passes_the_apps_name_on():
    target = Target(name="any", params={"model": "anthropic/*"})
    assert target.arguments({"model": "anthropic/claude-y"})["model"] == "anthropic/claude-y"
    assert "api_key" not in target.arguments({"model": "m"})
    with pytest.raises(Unsaid, match="api_base"):
        target.arguments({"api_base": "http://evil"})


def test_a_parameter_may_name_a_variable():
    params = {"model": "bedrock/x", "aws_region_name": "os.environ/REGION"}
    assert resolved(params, {"REGION": "eu-1"}) == {"model": "bedrock/x", "aws_region_name": "eu-1"}
    within = {"extra_headers": {"authorization": "os.environ/REGION", "x": "a"}}
    assert resolved(within, {"REGION": "eu-1"}) == {"extra_headers": {"authorization": "eu-1", "x": "a"}}
    with pytest.raises(KeyError, match="REGION"):
        resolved(params, {})


def test_the_door_is_told_in_the_environment_and_shows_no_token():
    door = Door(url="http://127.0.0.1:7", token="secret-token")
    assert Door.found(door.told()) == door
    assert Door.found({}).base_url("a b/c") == "http://127.0.0.1/a%20b%2Fc/v1"
    assert "secret" not in repr(door)
