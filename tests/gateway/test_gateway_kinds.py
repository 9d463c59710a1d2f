"""Upstreams of other kinds than OpenAI's: what goes where, under whose key, on which path."""

from __future__ import annotations

import contextlib
import hashlib
import json

import anthropic
import httpx
import pytest
from several import ASK, CHAT, STREAM, several
from upstream import TLS, Seen, Teller

from gateway.settings import ClientKey, GatewaySettings, Kind, SettingsError, UpstreamSpec
from gateway.upstream.spec import ANTHROPIC, OPENAI

TELL = {"model": "claude-x", "max_tokens": 5, "messages": [{"role": "user", "content": "hi"}]}
VERSION = {"anthropic-version": "2023-06-01"}
BOTH = ({"api_key": None}, {"api_key": None, "kind": Kind.ANTHROPIC})
AZURE = {"kind": Kind.AZURE, "api_version": "2024-10-21"}
MESSAGE = {
    "id": "msg_1", "type": "message", "role": "assistant", "model": "claude-x", "stop_reason": "end_turn",
    "stop_sequence": None, "content": [{"type": "text", "text": "hello"}],
    "usage": {"input_tokens": 3, "output_tokens": 1},
}  # fmt: skip


@contextlib.asynccontextmanager
async def client(place):
    async with httpx.AsyncClient(base_url=place.url, trust_env=False, verify=TLS, timeout=10) as made:
        yield made


async def messages(seen: Seen, out: Teller) -> None:
    listing = {"data": [{"type": "model", "id": "claude-x", "display_name": "X", "created_at": "2026-01-01T00:00:00Z"}], "has_more": False, "first_id": None, "last_id": None}  # fmt: skip
    await out.whole(200, json.dumps(MESSAGE if seen.method == "POST" else listing).encode())


def test_with_nothing_set_each_provider_gets_the_calls_that_speak_its_api():
    assert GatewaySettings().upstreams == (OPENAI, ANTHROPIC)
    assert ANTHROPIC.base_url == "https://api.anthropic.com/v1"


async def test_a_key_reaches_only_the_provider_whose_api_is_spoken():
    async with several(*BOTH) as (place, servers), client(place) as app:
        for path, body, own, asked in (
            (CHAT, ASK, {"authorization": "Bearer sk-openai"}, 0),
            ("/v1/messages", TELL, {"x-api-key": "sk-ant", **VERSION}, 1),
            ("/v1/messages", TELL, {"authorization": "Bearer sk-ant"}, 1),
            ("/v1/messages/count_tokens", TELL, {"x-api-key": "sk-ant"}, 1),
            ("/v1/messages/batches", {"requests": []}, {"x-api-key": "sk-ant"}, 1),
            ("/v1/files", {"a": 1}, {"x-api-key": "sk-ant", **VERSION}, 1),
            ("/v1/files", {"a": 1}, {"authorization": "Bearer sk-openai"}, 0),
            ("/v1/responses", {"model": "claude-x", "input": "hi"}, {"authorization": "Bearer sk-openai"}, 0),
        ):
            before = [len(s.seen) for s in servers]
            assert (await app.post(path, json=body, headers=own)).status_code == 200
            assert [len(s.seen) - n for s, n in zip(servers, before, strict=True)] == [1 - asked, asked], path
        assert "sk-ant" not in repr(servers[0].seen)
        assert "sk-openai" not in repr(servers[1].seen)


async def test_neither_is_asked_in_place_of_the_other():
    async with several({}, {"kind": Kind.ANTHROPIC}) as (place, servers), client(place) as app:

        async def down(seen: Seen, out: Teller) -> None:
            await out.whole(503, b"{}")

        servers[0].script = servers[1].script = down
        assert (await app.post(CHAT, json=ASK)).status_code == 503
        assert (await app.post("/v1/messages", json=TELL)).status_code == 503
        assert [len(s.seen) for s in servers] == [1, 1]


async def test_anthropics_own_sdk_works_with_only_its_base_url_set():
    async with several({"api_key": None, "models": ("gpt-x",)}, BOTH[1]) as (place, servers):
        servers[1].script = messages
        async with anthropic.AsyncAnthropic(base_url=place.url, api_key="sk-ant", max_retries=0) as sdk:
            said = await sdk.messages.create(**TELL)
            assert said.content[0].text == "hello"
            assert [model.id async for model in sdk.models.list()] == ["claude-x"]
        assert servers[0].seen == []
        assert ["sk-ant" in repr(s.headers) for s in servers[1].seen] == [True, True]


async def test_what_litellm_translates_is_chat_and_its_models_are_listed():
    async with (
        several({"kind": Kind.LITELLM, "models": ("gemini",)}) as (place, (server,)),
        client(place) as app,
    ):
        assert (await app.post(CHAT, json={**ASK, "model": "gemini"})).status_code == 200
        for path, body in (
            ("/v1/responses", {"model": "gemini", "input": "hi"}),
            ("/v1/messages", {**TELL, "model": "gemini"}),
            ("/v1/embeddings", {"model": "gemini", "input": "hi"}),
        ):
            answer = await app.post(path, json=body)
            assert (answer.status_code, answer.headers["x-should-retry"]) == (404, "false")
            assert "'gemini' is served here in chat completions only" in answer.text
        assert [model["id"] for model in (await app.get("/v1/models")).json()["data"]] == ["gemini"]
        assert len(server.seen) == 1


async def test_no_call_of_another_surface_goes_on_to_a_translator():
    async with several({}, {"kind": Kind.LITELLM}) as (place, servers), client(place) as app:

        async def down(seen: Seen, out: Teller) -> None:
            await out.whole(503, b"{}")

        servers[0].script = down
        body = {"model": "m", "input": "hi", "store": False}
        assert (await app.post("/v1/responses", json=body)).status_code == 503
        assert (await app.post(CHAT, json=ASK)).status_code == 200


@pytest.mark.parametrize(
    ("given", "name", "value"),
    [
        ({}, "authorization", "Bearer sk-0"),
        ({"kind": Kind.ANTHROPIC}, "x-api-key", "sk-0"),
        (AZURE, "api-key", "sk-0"),
    ],
)
async def test_a_configured_key_goes_in_the_header_of_its_kind_and_the_callers_does_not(given, name, value):
    mine = {"authorization": "Bearer vk-mine", "x-api-key": "vk-mine", "api-key": "vk-mine"}
    key = ClientKey(name="shop", sha256=hashlib.sha256(b"vk-mine").hexdigest())
    async with several(given, client_keys=(key,)) as (place, (server,)), client(place) as app:
        for headers in (VERSION, {}) if given.get("kind") is Kind.ANTHROPIC else ({},):
            path, body = ("/v1/messages", TELL) if given.get("kind") is Kind.ANTHROPIC else (CHAT, ASK)
            assert (await app.post(path, json=body, headers={**mine, **headers})).status_code == 200
        for seen in server.seen:
            shown = {k: v for k, v in seen.headers if k in mine}
            assert shown == {name: value}
        assert "vk-mine" not in repr(server.seen)
        assert "sk-0" not in repr(place.journal.records)


@pytest.mark.parametrize(
    ("path", "body", "given", "sent"),
    [
        (CHAT, ASK, {}, "/deployments/gpt-x/chat/completions?api-version=2024-10-21"),
        (CHAT, STREAM, {"deployment": "prod"}, "/deployments/prod/chat/completions?api-version=2024-10-21"),
        (CHAT, {**ASK, "model": "a/../b?c"}, {}, "/deployments/a%2F..%2Fb%3Fc/chat/completions?api-version=2024-10-21"),
        (CHAT, {**ASK, "model": ".."}, {}, "/chat/completions?api-version=2024-10-21"),
        (CHAT + "?x=%2F&api-version=mine", ASK, {}, "/deployments/gpt-x/chat/completions?x=%2F&api-version=mine"),
        ("/v1/embeddings", {"model": "e", "input": "x"}, {}, "/deployments/e/embeddings?api-version=2024-10-21"),
        ("/v1/files", {}, {}, "/files?api-version=2024-10-21"),
    ],
)  # fmt: skip
async def test_azure_gets_its_paths_and_its_version(path, body, given, sent):
    async with several({**AZURE, **given}) as (place, (server,)), client(place) as app:
        assert (await app.post(path, json=body)).status_code == 200
        (seen,) = server.seen
        assert f"{seen.path}?{seen.query}" == "/v1" + sent
        assert json.loads(seen.body) == body


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({"kind": Kind.AZURE}, "needs an api_version"),
        ({"api_version": "2024"}, "api_version is for kind azure only"),
        ({"deployment": "d"}, "deployment is for kind azure only"),
        ({"weight": 0}, "weight must be more than 0"),
        ({"concurrency": 0}, "concurrency must be more than 0"),
        ({"cooldown_after": 0}, "cooldown_after must be more than 0"),
        ({"cooldown_s": 0}, "cooldown_s must be more than 0"),
        ({"keepalive_s": -1}, "keepalive_s must be more than 0"),
    ],
)
def test_what_cannot_work_is_said_in_one_sentence(given, words):
    with pytest.raises(SettingsError, match=words):
        UpstreamSpec(name="u", base_url="http://h/v1", **given)
