"""What upstreams may say: every framing, split at every byte; and what is no answer, which must never become one."""

from __future__ import annotations

import asyncio

import pytest
from scripted import ask, client, saying, server, whole

from gateway.upstream.port import UpstreamCut

GOOD = {
    "length": (b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello", b"hello"),
    "none": (b"HTTP/1.1 204 No Content\r\n\r\n", b""),
    "empty": (b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n", b""),
    "chunked": (
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nhel\r\n2;a=b\r\nlo\r\n0\r\n\r\n",
        b"hello",
    ),
    "trailers": (
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: Chunked\r\n\r\n5\r\nhello\r\n0\r\nX-Sum: 1\r\n\r\n",
        b"hello",
    ),
    "interim": (
        b"HTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello",
        b"hello",
    ),
    "no reason": (b"HTTP/1.1 200\r\nContent-Length: 5\r\n\r\nhello", b"hello"),
}
UNTIL_CLOSED = {
    "1.1": b"HTTP/1.1 200 OK\r\n\r\nhello",
    "1.0": b"HTTP/1.0 200 OK\r\nContent-Type: x\r\n\r\nhello",
}
HEAD = b"HTTP/1.1 200 OK\r\n"
BAD = {
    "two lengths": HEAD + b"Content-Length: 5\r\nContent-Length: 5\r\n\r\nhello",
    "a list of lengths": HEAD + b"Content-Length: 5, 5\r\n\r\nhello",
    "length and chunked": HEAD + b"Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n",
    "chunked and length": HEAD + b"Transfer-Encoding: chunked\r\nContent-Length: 5\r\n\r\n5\r\nhello\r\n0\r\n\r\n",
    "gzip, chunked": HEAD + b"Transfer-Encoding: gzip, chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n",
    "chunked twice": HEAD + b"Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n",
    "another coding": HEAD + b"Transfer-Encoding: xchunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n",
    "negative length": HEAD + b"Content-Length: -5\r\n\r\nhello",
    "signed length": HEAD + b"Content-Length: +5\r\n\r\nhello",
    "hex length": HEAD + b"Content-Length: 0x5\r\n\r\nhello",
    "bare line feeds": b"HTTP/1.1 200 OK\nContent-Length: 5\n\nhello",
    "a bare line feed": HEAD + b"X: y\nContent-Length: 5\r\n\r\nhello",
    "a bare return": HEAD + b"X: y\rContent-Length: 5\r\n\r\nhello",
    "a folded line": HEAD + b"X: y\r\n z\r\nContent-Length: 5\r\n\r\nhello",
    "space before the colon": HEAD + b"Content-Length : 5\r\n\r\nhello",
    "a name of nothing": HEAD + b": x\r\nContent-Length: 5\r\n\r\nhello",
    "a NUL": HEAD + b"X: a\0b\r\nContent-Length: 5\r\n\r\nhello",
    "a chunk's bare line feed": HEAD + b"Transfer-Encoding: chunked\r\n\r\n5\nhello\r\n0\r\n\r\n",
    "a chunk's space": HEAD + b"Transfer-Encoding: chunked\r\n\r\n5 \r\nhello\r\n0\r\n\r\n",
    "a chunk that is longer": HEAD + b"Transfer-Encoding: chunked\r\n\r\n4\r\nhello\r\n0\r\n\r\n",
    "a negative chunk": HEAD + b"Transfer-Encoding: chunked\r\n\r\n-5\r\nhello\r\n0\r\n\r\n",
    "a chunk without end": HEAD + b"Transfer-Encoding: chunked\r\n\r\nffffffffffffffffff\r\nhello\r\n0\r\n\r\n",
    "a length among the trailers": HEAD + b"Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\nContent-Length: 1\r\n\r\n",
    "another protocol": b"HTTP/2 200 OK\r\nContent-Length: 5\r\n\r\nhello",
    "no protocol": b"ICY 200 OK\r\nContent-Length: 5\r\n\r\nhello",
    "no status": b"HTTP/1.1 OK\r\nContent-Length: 5\r\n\r\nhello",
    "a switch": b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\nConnection: upgrade\r\n\r\nhello",
    "a head without end": HEAD + b"X: " + b"y" * 70_000,
    "a long head": HEAD + b"X: " + b"y" * 70_000 + b"\r\n\r\n",
    "interim without end": b"HTTP/1.1 103 Early Hints\r\n\r\n" * 40 + HEAD + b"Content-Length: 5\r\n\r\nhello",
    "cut in the head": b"HTTP/1.1 200 OK\r\nContent-",
    "cut in the body": b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nhello",
    "cut in a chunk": HEAD + b"Transfer-Encoding: chunked\r\n\r\n9\r\nhello",
    "cut before the last chunk": HEAD + b"Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n",
    "nothing": b"",
}  # fmt: skip


@pytest.mark.parametrize("name", GOOD)
async def test_an_answer_is_the_same_wherever_it_is_split(name):
    answer, body = GOOD[name]

    async def serve(reader, writer):
        for at in range(len(answer)):
            await reader.readuntil(b"\r\n\r\n{}")
            writer.write(answer[:at])
            await asyncio.sleep(0)
            await asyncio.sleep(0)
            writer.write(answer[at:])

    async with server(serve) as url, client() as transport:
        for _ in range(len(answer)):
            assert await whole(transport, ask(url)) == (204 if name == "none" else 200, body)
        assert len(transport._kept._all) == 1


async def test_an_answer_may_come_byte_by_byte():
    async def serve(reader, writer):
        for answer, _ in GOOD.values():
            await reader.readuntil(b"\r\n\r\n{}")
            for at in range(len(answer)):
                writer.write(answer[at : at + 1])
                await asyncio.sleep(0)

    async with server(serve) as url, client() as transport:
        for name, (_, body) in GOOD.items():
            assert (await whole(transport, ask(url)))[1] == body, name


@pytest.mark.parametrize("version", UNTIL_CLOSED)
async def test_an_answer_without_a_length_ends_with_its_connection(version):
    async with server(saying(UNTIL_CLOSED[version])) as url, client() as transport:
        assert await whole(transport, ask(url)) == (200, b"hello")
        assert not transport._kept._all


@pytest.mark.parametrize("name", BAD)
@pytest.mark.parametrize("split", [False, True])
async def test_what_is_no_answer_never_becomes_one(name, split):
    """Whole, or byte by byte; nor does its connection serve again."""

    async def serve(reader, writer):
        await reader.readuntil(b"\r\n\r\n{}")
        answer = BAD[name]
        step = 1 if split and len(answer) < 1000 else len(answer) or 1
        for at in range(0, len(answer), step):
            writer.write(answer[at : at + step])
            await asyncio.sleep(0)
        if not name.startswith(("cut", "nothing")):
            await reader.read()

    async with server(serve) as url, client() as transport:
        with pytest.raises(UpstreamCut) as info:
            await whole(transport, ask(url))
        assert "hello" not in str(info.value)
        assert not transport._kept._idle


@pytest.mark.parametrize(
    "extra", [b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nevil", b"x"], ids=["answer", "byte"]
)
@pytest.mark.parametrize("late", [False, True])
@pytest.mark.parametrize("name", ["length", "chunked", "none"])
async def test_what_nobody_asked_for_answers_nobody(name, extra, late):
    """Bytes behind an answer, with it or later, are not the next one's: its connection serves no more."""
    answer, body = GOOD[name]

    async def serve(reader, writer):
        await reader.readuntil(b"\r\n\r\n{}")
        writer.write(answer if late else answer + extra)
        if late:
            await asyncio.sleep(0.02)
            writer.write(extra)
        await reader.read()

    async with server(serve) as url, client() as transport:
        for _ in range(2):
            assert (await whole(transport, ask(url)))[1] == body
            async with asyncio.timeout(5):
                while any(transport._kept._idle.values()):  # noqa: ASYNC110
                    await asyncio.sleep(0.005)


async def test_a_head_request_has_no_body_whatever_its_length_says():
    async def serve(reader, writer):
        for _ in range(2):
            await reader.readuntil(b"\r\n\r\n")
            writer.write(HEAD + b"Content-Length: 99\r\n\r\n")

    async with server(serve) as url, client() as transport:
        for _ in range(2):
            assert await whole(transport, ask(url, "HEAD", b"")) == (200, b"")
        assert len(transport._kept._all) == 1


async def test_a_connection_that_either_side_wants_closed_serves_once():
    once = b"HTTP/1.1 200 OK\r\nConnection: Close\r\nContent-Length: 2\r\n\r\nok"
    old = b"HTTP/1.0 200 OK\r\nContent-Length: 2\r\n\r\nok"
    kept = b"HTTP/1.0 200 OK\r\nConnection: keep-alive\r\nContent-Length: 2\r\n\r\nok"
    for answer, left in ((once, 0), (old, 0), (kept, 1)):
        async with server(saying(answer, answer)) as url, client() as transport:
            assert await whole(transport, ask(url)) == (200, b"ok")
            assert sum(map(len, transport._kept._idle.values())) == left
