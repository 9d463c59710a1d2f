"""Web pages of elsewhere do not spend the operator's key."""

from __future__ import annotations

import hashlib

import httpx
import pytest
from upstream import TLS, house

from gateway.settings import ClientKey

ASK = b'{"model":"gpt-x","messages":[{"role":"user","content":"hi"}]}'
KEY = ClientKey(name="shop", sha256=hashlib.sha256(b"vk").hexdigest())
SENT = {"authorization": "Bearer vk", "content-type": "text/plain"}


@pytest.mark.parametrize(
    ("headers", "passes"),
    [
        ({}, True),
        ({"origin": "https://evil.example"}, False),
        ({"origin": "http://127.0.0.1.evil.example:4000"}, False),
        ({"origin": "null"}, False),
        ({"origin": "http://[::1"}, False),
        ({"origin": ""}, False),
        ({"sec-fetch-site": "cross-site"}, False),
        ({"sec-fetch-site": "same-site"}, True),
        ({"origin": "http://localhost:3000", "sec-fetch-site": "same-site"}, True),
        ({"origin": "http://[::1]:3000"}, True),
        ({"origin": "app://notes"}, True),
    ],
)
async def test_under_the_operators_key_only_pages_of_this_machine_speak(headers, passes):
    async with house(api_key="sk-upstream") as place, httpx.AsyncClient(verify=TLS, trust_env=False) as app:
        for path in ("/v1/chat/completions", "/v1/files", "/v1/feedback"):
            said = await app.post(place.url + path, content=ASK, headers={**SENT, **headers})
            assert (said.status_code == 403) is not passes
            if not passes:
                assert said.json()["error"]["code"] == "origin_denied"
        assert len(place.teacher.seen) == (2 if passes else 0)
        assert (await app.get(place.url + "/healthz", headers=headers)).status_code == 200


@pytest.mark.parametrize("settings", [{"api_key": None}, {"api_key": "sk-upstream", "client_keys": (KEY,)}])
async def test_a_page_with_a_key_of_its_own_speaks(settings):
    headers = {**SENT, "origin": "https://app.example"}
    async with house(**settings) as place, httpx.AsyncClient(verify=TLS, trust_env=False) as app:
        said = await app.post(place.url + "/v1/chat/completions", content=ASK, headers=headers)
        assert said.status_code == 200
