"""Where paths lead: every base URL that an app may have, and Azure's, with the real client as the judge."""

from __future__ import annotations

import base64
import json
from typing import Any

import openai
import pytest
from upstream import House, Seen, Teller, house

from gateway.paths import read
from gateway.settings import Kind, UpstreamSpec

ASK: dict[str, Any] = {"model": "gpt-x", "messages": [{"role": "user", "content": "hi"}]}
KEY = "azure-planted-key-0123456789"
ROOTS = ["", "/", "/v1", "/v1/", "//v1", "/openai", "/openai/", "/openai/v1", "/openai/v1/", "/v1/v1"]


@pytest.mark.parametrize("root", ROOTS)
@pytest.mark.parametrize("path", ["/chat/completions", "/models", "/files/a/content", "/realtime"])
def test_every_root_leads_to_the_same_place(root, path):
    address = read(root + path)
    assert (address.below, address.of_api, address.deployment) == (path, True, "")
    assert read(root + path + "/?a=/b/c").below == path


@pytest.mark.parametrize("root", [*ROOTS, ""])
@pytest.mark.parametrize(
    ("segment", "name"),
    [("d1", "d1"), ("d%201", "d 1"), ("org/model", "org/model"), ("org%2Fmodel", "org/model")],
)
@pytest.mark.parametrize("path", ["/chat/completions", "/embeddings", "/audio/a%2Fb"])
def test_a_deployment_is_found_below_every_root(root, segment, name, path):
    address = read(f"{root}/deployments/{segment}{path}?api-version=2024-10-21")
    assert (address.deployment, address.raw, address.of_api) == (name, path, True)


@pytest.mark.parametrize(
    ("target", "below", "raw", "of_api"),
    [
        ("/v1/files/a%2Fb", "/files/a/b", "/files/a%2Fb", True),
        ("/%76%31/files", "/files", "/files", True),
        ("/v1//files//x/", "/files/x", "//files//x/", True),
        ("/openai/deployments", "/deployments", "/deployments", True),
        ("/openai/deployments/d1", "/deployments/d1", "/deployments/d1", True),
        ("/v1", "/", "", True),
        ("/v10/files", "/v10/files", "/v10/files", False),
        ("/favicon.ico", "/favicon.ico", "/favicon.ico", False),
        ("/", "/", "/", False),
        ("", "/", "", False),
    ],
)
def test_what_is_forwarded_is_what_came(target, below, raw, of_api):
    address = read(target)
    assert (address.below, address.raw, address.of_api, address.deployment) == (below, raw, of_api, "")


async def azure(seen: Seen, out: Teller) -> None:
    """What the tests' teacher does not do: embeddings in base64, and models on every root."""
    if seen.path.endswith("/embeddings"):
        vector = base64.b64encode(b"\0\0\x80?" * 2).decode()
        data = [{"object": "embedding", "index": 0, "embedding": vector}]
        said = {
            "object": "list",
            "data": data,
            "model": "e-1",
            "usage": {"prompt_tokens": 5, "total_tokens": 5},
        }
    else:
        said = {"object": "list", "data": [{"id": "gpt-x", "object": "model", "created": 1, "owned_by": "o"}]}
    await out.whole(200, json.dumps(said).encode(), [(b"x-request-id", b"req_1")])


def azures(place: House, **options: Any) -> list[openai.AsyncAzureOpenAI]:
    """The same client on the server itself and through the gateway."""
    return [
        openai.AsyncAzureOpenAI(
            api_key=KEY, api_version="2024-10-21", azure_endpoint=url, max_retries=0, **options
        )
        for url in (place.teacher.url.removesuffix("/v1"), place.url)
    ]


@pytest.mark.parametrize("options", [{}, {"azure_deployment": "gpt-x"}])
@pytest.mark.parametrize("stream", [False, True])
async def test_the_azure_client_gets_the_same_chat(options, stream):
    async with house() as place:
        said = []
        for client in azures(place, **options):
            async with client:
                answer = await client.chat.completions.create(**ASK, stream=stream)
                said.append([c.model_dump() async for c in answer] if stream else answer.model_dump())
        assert said[0] == said[1]
        direct, through = place.teacher.seen
        assert (through.path, through.query) == ("/v1/chat/completions", "")
        assert direct.body == through.body
        assert through.header("api-key") == KEY
        (call,) = place.journal.calls
        assert (call.surface, call.model) == ("chat", "gpt-x")
        assert call.path == "/openai/deployments/gpt-x/chat/completions"
        assert call.fingerprint
        assert KEY not in repr(place.journal.records)


async def test_the_azure_client_gets_the_same_embeddings_and_models():
    async with house() as place:
        place.teacher.script = azure
        said = []
        for client in azures(place):
            async with client:
                vectors = await client.embeddings.create(model="e-1", input="x")
                said.append([vectors.model_dump(), [m.model_dump() async for m in client.models.list()]])
        assert said[0] == said[1]
        assert said[0][0]["data"][0]["embedding"] == [1.0, 1.0]
        assert [s.path for s in place.teacher.seen[2:]] == ["/v1/embeddings", "/v1/models"]
        assert [(c.surface, c.model) for c in place.journal.calls] == [("opaque", "e-1"), ("opaque", "")]


@pytest.mark.parametrize(
    ("path", "surface"),
    [("chat/completions", "chat"), ("completions", "completions"), ("embeddings", "opaque")],
)
async def test_a_deployment_is_the_model_where_the_body_has_none(path, surface):
    async with house() as place:
        body = b'{ "messages": [{"role": "user", "content": "hi"}], "input": "x", "prompt": "x", "seed": 1.0}'
        client = azures(place)[1]
        async with client:
            await client.post(
                f"/deployments/gpt-x/{path}",
                cast_to=object,
                content=body,
                options={"headers": {"content-type": "application/json"}},
            )
        (sent,), (call,) = place.teacher.seen, place.journal.calls
        assert sent.body == call.body == b'{"model":"gpt-x",' + body[1:]
        assert (call.surface, call.model) == (surface, "gpt-x")


async def test_a_server_of_azures_kind_gets_path_query_and_bytes_as_the_app_sent_them():
    async with house() as server:
        root = server.teacher.url.removesuffix("/v1")
        server.teacher.script = azure
        spec = UpstreamSpec(
            name="azure", base_url=f"{root}/openai", kind=Kind.AZURE, api_version="2023-05-15"
        )
        async with house(upstreams=(spec,)) as place:
            for url in (root, place.url):
                client = openai.AsyncAzureOpenAI(
                    api_key=KEY, api_version="2024-10-21", azure_endpoint=url, max_retries=0
                )
                async with client:
                    await client.chat.completions.create(**ASK)
                    await client.audio.speech.create(model="tts", input="x", voice="alloy")
                    await client.files.list()
                    for path in ("chat/completions", "extensions/chat/completions"):
                        await client.post(f"/deployments/d%201/{path}", cast_to=object, body={"messages": []})
            sent = [(s.method, s.path, s.query, s.body, s.header("api-key")) for s in server.teacher.seen]
            assert len(sent) == 10
            assert sent[:5] == sent[5:]
            assert [call.model for call in place.journal.calls] == ["gpt-x", "tts", "", "d 1", "d 1"]


async def test_two_names_win_over_the_path_only_where_they_are_names():
    async with house() as place:
        for body, model in (
            ({"model": "named"}, "named"),
            ({"model": None}, "gpt-x"),
            ({"model": ""}, "gpt-x"),
        ):
            client = azures(place)[1]
            async with client:
                await client.post("/deployments/gpt-x/chat/completions", cast_to=object, body={**ASK, **body})
            assert place.journal.calls[-1].model == place.teacher.seen[-1].json["model"] == model


@pytest.mark.parametrize("root", ["/openai", "/openai/v1", "/openai/deployments/d", "/v1/openai"])
@pytest.mark.parametrize("path", ["/organization/users", "/projects", "//organization"])
async def test_the_providers_administration_is_out_of_reach_below_every_root(root, path):
    async with house() as place:
        async with openai.AsyncOpenAI(api_key=KEY, base_url=place.url, max_retries=0) as client:
            with pytest.raises(openai.PermissionDeniedError):
                await client.get(place.url + root + path, cast_to=object)
        assert place.teacher.seen == []
