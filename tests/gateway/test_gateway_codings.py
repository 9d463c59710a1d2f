"""Content codings: what is read, what is refused, and that bytes go on as they came."""

from __future__ import annotations

import gzip
import json
import zlib
from collections.abc import Callable
from functools import partial
from typing import Any

import brotli
import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st
from upstream import TLS, Seen, Teller, house

from gateway import codings
from gateway.settings import UpstreamSpec

try:
    from compression import zstd  # of Python 3.14
except ImportError:
    from backports import zstd

GZIP = partial(gzip.compress, mtime=0)  # without the time, a test has the same name in every process
PACK: dict[str, Callable[[bytes], bytes]] = {
    "gzip": GZIP,
    "x-gzip": GZIP,
    "deflate": zlib.compress,
    "br": brotli.compress,
    "zstd": zstd.compress,
}
ASK = {"model": "gpt-x", "messages": [{"role": "user", "content": "hi"}]}
BODY = json.dumps(ASK).encode()
CHAT = "/v1/chat/completions"


def packed(body: bytes, names: list[str]) -> bytes:
    for name in names:
        body = PACK[name](body)
    return body


@given(st.binary(max_size=2000), st.lists(st.sampled_from(list(PACK)), max_size=4))
def test_codings_are_undone_in_reverse(data, names):
    assert codings.decode(packed(data, names), ", ".join(names), len(data) + 100) == data


@given(st.binary(min_size=1, max_size=500))
def test_bytes_that_are_not_what_they_claim_are_read_or_refused(data):
    for name in PACK:
        try:
            codings.decode(data, name, 1000)
        except (codings.BadCoding, codings.TooLong):
            continue


@pytest.mark.parametrize("name", PACK)
@pytest.mark.parametrize("data", [b"x", b"hello " * 10_000, bytes(range(256)) * 1000])
def test_the_cap_is_exact_and_a_cut_is_told(name, data):
    whole = PACK[name](data)
    assert codings.decode(whole, name, len(data)) == data
    with pytest.raises(codings.TooLong):
        codings.decode(whole, name, len(data) - 1)
    for end in {1, len(whole) // 2, len(whole) - 1}:
        with pytest.raises(codings.BadCoding):
            codings.decode(whole[:end], name, len(data))


@pytest.mark.parametrize("name", PACK)
def test_a_bomb_is_not_unpacked(name):
    with pytest.raises(codings.TooLong):
        codings.decode(PACK[name](bytes(50_000_000)), name, 1000)


@pytest.mark.parametrize("name", ["gzip", "zstd", "deflate"])
def test_parts_one_after_the_other_are_one_body_but_not_without_end(name):
    part = PACK[name](b"ab")
    assert codings.decode(part * 64, name, 1000) == b"ab" * 64
    with pytest.raises(codings.BadCoding):
        codings.decode(PACK[name](b"") * 65, name, 1000)


def test_deflate_is_read_without_its_wrapper_too():
    assert codings.decode(zlib.compress(b"hello", wbits=-zlib.MAX_WBITS), "deflate", 5) == b"hello"


def test_a_window_wider_than_the_standards_is_refused_before_memory_is_taken():
    wide = zstd.ZstdCompressor(options={zstd.CompressionParameter.window_log: 27})
    with pytest.raises(codings.BadCoding):
        codings.decode(wide.compress(bytes(100)) + wide.flush(), "zstd", 1000)


@pytest.mark.parametrize(
    ("coding", "body", "status"),
    [
        ("br", b"plain", 400),
        ("zstd", b"plain", 400),
        ("zstd", zstd.compress(bytes(200_000)), 413),
        ("br", brotli.compress(bytes(200_000)), 413),
        ("gzip, zstd", zstd.compress(GZIP(bytes(200_000))), 413),
        ("gzip, snappy", GZIP(BODY), 415),
        ("gzip,gzip,gzip,gzip,gzip", packed(BODY, ["gzip"] * 5), 400),
    ],
)
@pytest.mark.parametrize("path", [CHAT, "/v1/messages"])
async def test_what_cannot_be_read_is_refused_in_the_callers_shape(coding, body, status, path):
    async with house(max_body=100_000) as place, client(place.url) as app:
        answer = await app.post(path, content=body, headers={"content-encoding": coding})
        assert answer.status_code == status
        said = answer.json()
        assert said["error"]["message"]
        assert (said.get("type") == "error") is (path == "/v1/messages")
        assert place.teacher.seen == place.journal.records == []


@pytest.mark.parametrize("names", [["br"], ["zstd"], ["x-gzip"], ["gzip", "zstd"], ["br", "deflate", "gzip"]])
async def test_a_compressed_request_goes_on_as_it_came(names):
    async with house() as place, client(place.url) as app:
        place.teacher.script = said(b'{"id": "x"}', [])
        headers = [("content-encoding", name) for name in names]  # a header each: the same list
        coded = packed(BODY, names)
        await app.post(CHAT, content=coded, headers=headers)
        (sent,), (call,) = place.teacher.seen, place.journal.calls
        assert sent.body == coded
        assert [value for name, value in sent.headers if name == "content-encoding"] == names
        assert (call.body, call.model) == (BODY, "gpt-x")


async def test_an_edited_body_goes_on_plain():
    async with house() as place, client(place.url) as app:
        for path in ("chat/completions", "embeddings"):
            body = {"messages": ASK["messages"], "input": "x"}
            coded = packed(json.dumps(body).encode(), ["gzip", "zstd"])
            headers = {"content-encoding": "gzip, zstd", "content-type": "application/json"}
            answer = await app.post(f"/openai/deployments/m/{path}", content=coded, headers=headers)
            assert answer.status_code == 200
            sent = place.teacher.seen[-1]
            assert sent.json == {"model": "m", **body}
            assert sent.header("content-encoding") is None
            assert sent.header("content-length") == str(len(sent.body))


async def test_usage_is_asked_for_in_a_compressed_request_too():
    async with house() as server:
        spec = UpstreamSpec(name="a", base_url=server.teacher.url, inject_usage=True)
        async with house(upstreams=(spec,)) as place, client(place.url) as app:
            asked = json.dumps({**ASK, "stream": True}).encode()
            answer = await app.post(CHAT, content=zstd.compress(asked), headers={"content-encoding": "zstd"})
            assert b"usage" not in answer.content
            (seen,), (call,), (attempt,) = server.teacher.seen, place.journal.calls, place.journal.attempts
            assert seen.json == {"stream_options": {"include_usage": True}, **ASK, "stream": True}
            assert seen.header("content-encoding") is None
            assert call.body == asked
            assert b'"prompt_tokens": 9' in attempt.body


@pytest.mark.parametrize("path", [CHAT, "/v1/files/f1"])
@pytest.mark.parametrize("names", [["br"], ["zstd"], ["gzip"], ["gzip", "br"]])
async def test_an_answer_is_passed_as_it_came_and_logged_decoded(names, path):
    async with house() as place, client(place.url) as app:
        plain = json.dumps(place.teacher.completion(ASK)).encode()
        coded = packed(plain, names)
        place.teacher.script = said(coded, [(b"content-encoding", name.encode()) for name in names])
        async with app.stream("POST", path, content=BODY) as answer:
            assert b"".join([piece async for piece in answer.aiter_raw()]) == coded
            assert answer.headers.get_list("content-encoding") == names
        (attempt,) = place.journal.attempts
        assert (attempt.body, attempt.outcome) == (plain, "complete")


async def test_of_what_the_app_takes_the_teacher_is_offered_what_the_log_can_read():
    async with house() as place, client(place.url) as app:
        for offered, narrowed in (
            ("br;q=1, zstd, gzip, deflate, dcb", "br;q=1, zstd, gzip, deflate"),
            ("dcz", "identity"),
        ):
            await app.post(CHAT, content=BODY, headers={"accept-encoding": offered})
            assert place.teacher.seen[-1].header("accept-encoding") == narrowed


def said(body: bytes, headers: list[tuple[bytes, bytes]]) -> Any:
    async def script(seen: Seen, out: Teller) -> None:
        await out.whole(200, body, headers)

    return script


def client(url: str) -> httpx.AsyncClient:
    return httpx.AsyncClient(base_url=url, trust_env=False, verify=TLS, timeout=10)
