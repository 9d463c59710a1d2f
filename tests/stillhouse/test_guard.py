"""Host and token: what reaches the admin API at all."""

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from stillhouse.admin.guard import Guard, host_name
from stillhouse.admin.page import assemble

TOKEN = "t" * 64


async def inner(_scope, _receive, send):
    await send({"type": "http.response.start", "status": 200, "headers": []})
    await send({"type": "http.response.body", "body": b"in"})


def client():
    guard = Guard(inner, token=TOKEN, hosts=("house.example",), csp="default-src 'none'")
    return httpx.AsyncClient(transport=httpx.ASGITransport(guard), base_url="http://localhost")


@pytest.mark.parametrize("host", ["127.0.0.1:4001", "localhost", "[::1]:4001", "HOUSE.example:80"])
async def test_known_names_come_in(host):
    async with client() as http:
        assert (await http.get("/", headers={"host": host})).status_code == 200


@pytest.mark.parametrize(
    "host", ["evil.example", "127.0.0.1.evil.example", "localhost.evil.example:4001", ""]
)
async def test_other_names_do_not(host):
    async with client() as http:
        assert (await http.get("/", headers={"host": host})).status_code == 403


@given(st.text(max_size=20))
def test_a_host_name_never_fails(text):
    assert host_name(text) == host_name(text).lower()


@pytest.mark.parametrize(
    "value", ["", "Bearer", "Bearer ", f"Basic {TOKEN}", f"Bearer {TOKEN}x", f"Bearer {TOKEN[1:]}"]
)
async def test_only_the_token_opens_the_api(value):
    async with client() as http:
        for path in ("/api", "/api/status"):
            assert (await http.get(path, headers={"authorization": value})).status_code == 401
        good = await http.get("/api/status", headers={"authorization": f"Bearer {TOKEN}"})
        assert good.status_code == 200
        assert good.headers["content-security-policy"] == "default-src 'none'"


def test_the_page_loads_nothing_from_elsewhere_and_writes_text_only():
    page = assemble()
    assert "http://" not in page.html.replace("http://www.w3.org/2000/svg", "")
    assert "https://" not in page.html
    for sink in (
        "innerHTML",
        "outerHTML",
        "insertAdjacentHTML",
        "document.write",
        "eval(",
        "/*STYLE*/",
        "/*SCRIPT*/",
    ):
        assert sink not in page.html
    assert "unsafe-inline" not in page.csp
    assert page.csp.count("'sha256-") == 2
