"""A student whose server is gone for a moment: no storm of failures, and its pairs are still made."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Iterator
from typing import Any

import httpx
import openai
import pytest
from upstream import TLS, House, house, route

from gateway.reach import Reach
from store.vocabulary import Outcome, Pairing, Role, Who

ASK: dict[str, Any] = {"model": "gpt-x", "messages": [{"role": "user", "content": "hi"}]}


def app(place: House) -> openai.AsyncOpenAI:
    http = httpx.AsyncClient(verify=TLS, trust_env=False)
    return openai.AsyncOpenAI(api_key="sk-x", base_url=place.v1, max_retries=0, http_client=http)


@pytest.fixture
def closed() -> Iterator[socket.socket]:
    """A port that nobody else is given; it refuses who connects, until somebody listens."""
    with socket.socket() as bound:
        bound.bind(("127.0.0.1", 0))
        yield bound


def at(bound: socket.socket) -> str:
    return f"http://127.0.0.1:{bound.getsockname()[1]}/v1"


def test_a_student_rests_after_a_loss_and_no_longer():
    now = [100.0]
    reach = Reach(rest_s=1.0, clock=lambda: now[0])
    assert not reach.away("http://a/v1")
    reach.lost("http://a/v1/")
    assert reach.away("http://a/v1")
    assert not reach.away("http://b/v1")
    now[0] += 1.0
    assert not reach.away("http://a/v1")


async def test_one_refused_connection_rests_the_student_and_draws_no_pair(closed: socket.socket):
    async with house() as place, app(place) as client:
        await client.chat.completions.create(**ASK)
        place.chooser.published = route(at(closed))
        place.journal.records.clear()
        for _ in range(5):
            await client.chat.completions.create(**ASK)
        assert place.chooser.barred[-5:] == [None, *["student_away"] * 4]
        failed = [a for a in place.journal.attempts if a.who is Who.STUDENT]
        assert [(a.role, a.outcome, a.served) for a in failed] == [(Role.SERVE, Outcome.ERROR, False)]


async def test_a_shadow_waits_for_a_server_that_starts_again(closed: socket.socket):
    asked = []

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        asked.append(len(asked))
        if len(asked) == 1:  # its port is there before its model is
            writer.write(b"HTTP/1.1 503 Service Unavailable\r\ncontent-length: 0\r\n\r\n")
            await writer.drain()
            writer.close()
            return
        body = b'{"id":"c","object":"chat.completion","choices":[{"index":0,"finish_reason":"stop",'
        body += b'"message":{"role":"assistant","content":"ok"}}]}'
        head = f"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: {len(body)}\r\n\r\n"
        writer.write(head.encode() + body)
        await writer.drain()
        writer.close()

    async with house() as place, app(place) as client:
        await client.chat.completions.create(**ASK)  # the teacher accepts the key
        place.chooser.published = route(at(closed))
        place.chooser.pairing = Pairing.SHADOW
        place.chooser.who = Who.TEACHER
        await client.chat.completions.create(**ASK)
        await asyncio.sleep(0.3)
        server = await asyncio.start_server(answer, sock=closed)
        try:
            for _ in range(100):
                shadows = [a for a in place.journal.attempts if a.role is Role.SHADOW]
                if shadows:
                    break
                await asyncio.sleep(0.05)
        finally:
            server.close()
            await server.wait_closed()
        assert [a.outcome for a in shadows] == [Outcome.COMPLETE]
        assert len(asked) == 2
