"""What the client promises whoever sends: times, limits, cancelling, back-pressure, connections that are kept."""

from __future__ import annotations

import asyncio
import contextlib
import socket
from dataclasses import replace

import pytest
from scripted import QUICK, ask, client, request, saying, server, whole

from gateway.engine import dialing
from gateway.engine.asking import Origin
from gateway.upstream.port import ConnectFailed, UpstreamCut, UpstreamTimeout

OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"
BEGUN = b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nok"


async def silent(reader, writer):
    await reader.read()


async def begins(reader, writer):
    await request(reader)
    writer.write(BEGUN)
    await reader.read()


@pytest.mark.parametrize(
    ("serve", "times"),
    [
        (silent, {"first_byte": 0.05}),
        (silent, {"total": 0.05}),
        (begins, {"idle": 0.05}),
        (begins, {"total": 0.05}),
    ],
)
async def test_time_runs_out(serve, times):
    async with server(serve) as url, client() as transport:
        with pytest.raises(UpstreamTimeout):
            await whole(transport, ask(url, timeouts=replace(QUICK, **times)))
        await asyncio.sleep(0)
        assert not transport._kept._all


async def test_each_piece_gives_an_answer_more_time():
    async def serve(reader, writer):
        await request(reader)
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 8\r\n\r\n")
        for _ in range(8):
            await asyncio.sleep(0.05)
            writer.write(b"x")

    async with server(serve) as url, client() as transport:
        assert (await whole(transport, ask(url, timeouts=replace(QUICK, idle=0.2))))[1] == b"x" * 8


async def test_nobody_listens():
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{sock.getsockname()[1]}"
    async with client() as transport:
        for where in (url, "http://name.invalid"):
            with pytest.raises(ConnectFailed):
                await transport.send(ask(where))
        assert transport._kept._begun == 0


async def test_who_is_cancelled_hangs_up():
    for serve, pieces in ((silent, False), (begins, True)):
        gone = asyncio.Event()

        async def watched(reader, writer, serve=serve, gone=gone):
            await serve(reader, writer)
            gone.set()

        async with server(watched) as url, client() as transport:
            if pieces:
                answer = await transport.send(ask(url))
                reading = asyncio.ensure_future(anext(aiter(answer.pieces())))
                assert await reading == b"ok"
                await answer.aclose()
                await answer.aclose()
            else:
                sending = asyncio.ensure_future(transport.send(ask(url)))
                await asyncio.sleep(0.05)
                sending.cancel()
                with contextlib.suppress(asyncio.CancelledError):
                    await sending
            await asyncio.wait_for(gone.wait(), 2)
            assert not transport._kept._all


async def test_an_upstream_waits_for_a_slow_reader():
    """What was sent and not read stays far below what the upstream has to say."""
    sent, size = 0, 64 * 1024 * 1024

    async def serve(reader, writer):
        nonlocal sent
        await request(reader)
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % size)
        while sent < size:
            writer.write(bytes(65536))
            sent += 65536
            await writer.drain()

    async with server(serve) as url, client() as transport:
        answer = await transport.send(ask(url, timeouts=replace(QUICK, idle=0.1)))
        before = -1
        while sent > before:
            before = sent
            await asyncio.sleep(0.3)  # longer than `idle`: who is slow is the app
        assert sent < size // 4
        assert sum([len(piece) async for piece in answer.pieces()]) == size


async def test_who_sends_waits_for_a_slow_upstream():
    sent, go = 0, asyncio.Event()

    async def body():
        nonlocal sent
        for _ in range(1000):
            sent += 65536
            yield bytes(65536)

    async def serve(reader, writer):
        await go.wait()
        left = 1000 * 65536 + len(await reader.readuntil(b"\r\n\r\n")) * 0
        while left:
            left -= len(await reader.read(min(left, 1 << 20)))
        writer.write(OK)

    async with server(serve) as url, client() as transport:
        length = ((b"content-length", b"65536000"),)
        sending = asyncio.ensure_future(whole(transport, ask(url, body=body(), headers=length)))
        await asyncio.sleep(0.3)
        assert sent < 32 * 1024 * 1024
        go.set()
        assert await sending == (200, b"ok")


async def test_a_kept_connection_that_was_closed_is_not_used():
    async with server(saying(OK)) as url, client() as transport:
        for _ in range(2):
            assert await whole(transport, ask(url)) == (200, b"ok")
            await asyncio.sleep(0.02)
            assert not transport._kept._all


async def test_a_connection_without_use_goes():
    async with server(saying(OK, OK)) as url, client(keepalive_s=0.1) as transport:
        await whole(transport, ask(url))
        assert len(transport._kept._all) == 1
        await asyncio.sleep(0.3)
        assert not transport._kept._all
        assert transport._kept._sweep is None


async def test_there_are_so_many_connections_at_most():
    release = asyncio.Event()

    async def serve(reader, writer):
        await request(reader)
        await release.wait()
        writer.write(OK)

    async with server(serve) as url, client(connections=2) as transport:
        two = [asyncio.ensure_future(whole(transport, ask(url))) for _ in range(2)]
        await asyncio.sleep(0.05)
        with pytest.raises(ConnectFailed, match="as many as may be"):
            await transport.send(ask(url, timeouts=replace(QUICK, connect=0.05)))
        third = asyncio.ensure_future(whole(transport, ask(url)))
        await asyncio.sleep(0.05)
        release.set()
        assert [await one for one in (*two, third)] == [(200, b"ok")] * 3
        assert not transport._kept._waiting


async def test_one_that_is_not_in_use_makes_room():
    async with server(saying(OK)) as one, server(saying(OK)) as other, client(connections=1) as transport:
        for url in (one, other, one):
            assert await whole(transport, ask(url)) == (200, b"ok")
        assert len(transport._kept._all) <= 1


async def test_closing_tells_who_waits():
    async with server(silent) as url, client() as transport:
        waiting = asyncio.ensure_future(transport.send(ask(url)))
        await asyncio.sleep(0.05)
        await transport.aclose()
        with pytest.raises(UpstreamCut):
            await waiting


async def test_the_address_that_answers_first_is_taken(monkeypatch):
    """One that never answers holds nobody up."""
    listener = socket.create_server(("127.0.0.1", 0))
    monkeypatch.setattr(dialing, "_STAGGER_S", 0.02)
    slow = dialing._connected

    async def connected(family, address):
        if address[0] == "192.0.2.1":
            await asyncio.sleep(30)
        return await slow(family, address)

    monkeypatch.setattr(dialing, "_connected", connected)
    places = [(socket.AF_INET, ("192.0.2.1", 1)), (socket.AF_INET, listener.getsockname())]
    with listener, await asyncio.wait_for(dialing.first(places), 5) as sock:
        assert sock.getpeername() == listener.getsockname()


async def test_families_take_turns(monkeypatch):
    async def found(*_args, **_more):
        six, four = socket.AF_INET6, socket.AF_INET
        return [(family, 0, 0, "", (str(at),)) for at, family in enumerate((six, six, six, four))]

    monkeypatch.setattr(asyncio.get_running_loop(), "getaddrinfo", found)
    places = await dialing.addresses(Origin(host="x", port=1, tls=False))
    assert [address[0] for _, address in places] == ["0", "3", "1", "2"]
