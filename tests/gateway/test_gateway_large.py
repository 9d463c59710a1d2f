"""Large bodies: nothing is buffered either way, however the app sends and the upstream answers."""

from __future__ import annotations

import asyncio
import contextlib
import io
import sys
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
import openai
import psutil
import pytest
from upstream import TLS, house, serving

PIECE = bytes(range(256)) * 1024
PIECES = 800
SIZE = PIECES * len(PIECE)  # 200 MiB
ROOM = (
    48 * 1024 * 1024
)  # what a gateway may take for it: buffers of sockets and of pieces, and the prefix for the log


@dataclass
class Counting:
    """An upstream that counts what it gets, and answers with as much as it is asked for."""

    got: list[tuple[int, dict[str, str]]] = field(default_factory=list)

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] != "http":
            return
        size, more = 0, True
        while more:
            message = await receive()
            size += len(message.get("body", b""))
            more = message.get("more_body", False)
        self.got.append((size, {k.decode(): v.decode("latin-1") for k, v in scope["headers"]}))
        kind = [(b"content-type", b"application/octet-stream")]
        await send({"type": "http.response.start", "status": 200, "headers": kind})
        for _ in range(PIECES if scope["path"].endswith("/content") else 0):
            await send({"type": "http.response.body", "body": PIECE, "more_body": True})
        await send({"type": "http.response.body", "body": b""})


@contextlib.asynccontextmanager
async def alone(upstream: str) -> AsyncIterator[tuple[str, psutil.Process]]:
    """A gateway in a process of its own."""
    child = await asyncio.create_subprocess_exec(
        sys.executable, str(Path(__file__).with_name("large_child.py")), upstream,
        stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE,
    )  # fmt: skip
    try:
        assert child.stdout is not None
        yield (
            (await asyncio.wait_for(child.stdout.readline(), 30)).decode().strip(),
            psutil.Process(child.pid),
        )
    finally:
        assert child.stdin is not None
        child.stdin.close()
        await asyncio.wait_for(child.wait(), 30)


def peak(process: psutil.Process) -> int:
    """The most memory that a process has had, in bytes."""
    status = Path(f"/proc/{process.pid}/status").read_text()
    return int(status.partition("VmHWM:")[2].split()[0]) * 1024


async def pieces() -> AsyncIterator[bytes]:
    for _ in range(PIECES):
        yield PIECE


@pytest.mark.skipif(sys.platform != "linux", reason="the peak is told by /proc")
@pytest.mark.parametrize("way", ["chunked", "announced", "down"])
async def test_a_large_body_takes_little_memory(way):
    counting = Counting()
    async with serving(counting) as (upstream,), alone(upstream) as (url, gateway):
        async with httpx.AsyncClient(base_url=url, trust_env=False, verify=TLS, timeout=120) as app:
            await app.post("/v1/files", content=b"x")
            before = peak(gateway)
            if way == "down":
                got = 0
                async with app.stream("GET", "/v1/files/f/content") as answer:
                    async for piece in answer.aiter_raw():
                        got += len(piece)
                assert got == SIZE
            else:
                length = {"content-length": str(SIZE)} if way == "announced" else {}
                await app.post("/v1/files", content=pieces(), headers=length)
                size, headers = counting.got[-1]
                assert size == SIZE
                assert headers.get("content-length") == length.get("content-length")
                assert headers.get("transfer-encoding") == (None if length else "chunked")
        print(f"{way}: {(peak(gateway) - before) / 2**20:.1f} MiB more for {SIZE / 2**20:.0f} MiB")
        assert peak(gateway) - before < ROOM


@pytest.mark.parametrize("path", ["/v1/chat/completions", "/v1/files"])
async def test_an_app_that_waits_to_be_asked_for_its_body_is_asked(path):
    body = b'{"model":"gpt-x","messages":[]}' + b" " * 500_000
    async with house() as place:
        host, port = place.url.removeprefix("http://").split(":")
        reader, writer = await asyncio.open_connection(host, int(port))
        head = (
            f"POST {path} HTTP/1.1\r\nHost: x\r\nContent-Length: {len(body)}\r\nExpect: 100-continue\r\n\r\n"
        )
        writer.write(head.encode())
        said = await asyncio.wait_for(reader.readuntil(b"\r\n\r\n"), 5)
        assert said.startswith(b"HTTP/1.1 100 ")
        writer.write(body)
        assert (await asyncio.wait_for(reader.readuntil(b"\r\n\r\n"), 10)).startswith(b"HTTP/1.1 200 ")
        writer.close()
        (seen,) = place.teacher.seen
        assert (seen.body, seen.header("expect")) == (body, None)


async def test_a_body_that_is_too_large_is_refused_before_it_is_sent():
    async with house(max_body=1000) as place:
        host, port = place.url.removeprefix("http://").split(":")
        reader, writer = await asyncio.open_connection(host, int(port))
        writer.write(
            b"POST /v1/chat/completions HTTP/1.1\r\nHost: x\r\nContent-Length: 1001\r\nExpect: 100-continue\r\n\r\n"
        )
        assert (await asyncio.wait_for(reader.readline(), 5)).split()[1] == b"413"
        writer.close()
        assert place.teacher.seen == place.journal.records == []


async def test_files_of_the_real_client_arrive_as_they_do_without_us():
    blob = bytes(range(256)) * 4096
    async with house() as place:
        for url in (place.teacher.url, place.v1):
            async with openai.AsyncOpenAI(api_key="k", base_url=url, max_retries=0) as client:
                await client.files.create(file=("a é.bin", io.BytesIO(blob)), purpose="batch")
                await client.audio.transcriptions.create(
                    file=("a.wav", blob),
                    model="whisper-1",
                    timestamp_granularities=["word"],
                    response_format="verbose_json",
                )
        sent = [(seen.path, seen.body.replace(boundary(seen), b"B")) for seen in place.teacher.seen]
        assert sent[:2] == sent[2:]
        assert blob in sent[3][1]
        kinds = [seen.header("content-type").partition(";")[0] for seen in place.teacher.seen]
        assert kinds == ["multipart/form-data"] * 4
        assert [(a.outcome, a.served) for a in place.journal.attempts] == [("complete", True)] * 2


def boundary(seen: Any) -> bytes:
    return seen.header("content-type").partition("boundary=")[2].encode()
