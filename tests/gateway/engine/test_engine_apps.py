"""What apps may send: split, pipelined, mixed with what uvicorn serves; and what is refused, whoever refuses it."""

from __future__ import annotations

import asyncio
import contextlib

import pytest
from apps_side import BODY, STREAM, answer, front, post
from hypothesis import given
from hypothesis import strategies as st
from scripted import request, server
from upstream import Seen, Teller, Upstream

from gateway.engine import simple
from gateway.settings import Timeouts
from store.vocabulary import Outcome

CHUNKED = (
    b"POST /v1/chat/completions HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n%x\r\n%b\r\n0\r\n\r\n"
    % (len(BODY), BODY)
)
MODELS = b"GET /v1/models HTTP/1.1\r\nHost: x\r\n\r\n"
LINE = b"POST /v1/chat/completions HTTP/1.1\r\nHost: x\r\n"
END = b"\r\n\r\n" + BODY + b"GET /v1/smuggled HTTP/1.1\r\nHost: x\r\n\r\n"
N = b"Content-Length: %d" % len(BODY)
AMBIGUOUS = {
    "length and chunked": LINE + N + b"\r\nTransfer-Encoding: chunked" + END,
    "chunked and length": LINE + b"Transfer-Encoding: chunked\r\n" + N + END,
    "two lengths": LINE + N + b"\r\n" + N + END,
    "two that differ": LINE + N + b"\r\nContent-Length: 0" + END,
    "a list of lengths": LINE + N + b", 0" + END,
    "another coding": LINE + b"Transfer-Encoding: xchunked" + END,
    "chunked is not last": LINE + b"Transfer-Encoding: chunked, gzip" + END,
    "a folded coding": LINE + b"Transfer-Encoding:\r\n chunked" + END,
    "a hidden coding": LINE + b"Transfer-Encoding : chunked\r\n" + N + END,
    "a tab in a name": LINE + b"Transfer-Encoding\t: chunked\r\n" + N + END,
    "a vertical tab": LINE + b"Transfer-Encoding: \x0bchunked\r\n" + N + END,
    "a signed length": LINE + b"Content-Length: +%d" % len(BODY) + END,
    "a negative length": LINE + b"Content-Length: -1" + END,
    "a length in hex": LINE + b"Content-Length: 0x2" + END,
    "a length with a space": LINE + b"Content-Length: 1 2" + END,
    "a bare line feed": LINE + b"X: y\n" + N + END,
    "a bare return": LINE + b"X: y\r" + N + END,
    "a NUL": LINE + b"X: \0\r\n" + N + END,
    "a name of nothing": LINE + b": x\r\n" + N + END,
    "line feeds alone": LINE.replace(b"\r\n", b"\n") + N + b"\n\n" + BODY,
    "a chunk's size": LINE + b"Transfer-Encoding: chunked\r\n\r\n-1\r\n" + BODY,
    "a chunk's overflow": LINE + b"Transfer-Encoding: chunked\r\n\r\nfffffffffffffffff\r\n" + BODY,
    "a chunk that is longer": LINE + b"Transfer-Encoding: chunked\r\n\r\n1\r\n" + BODY,
    "no version": b"POST /v1/chat/completions\r\n" + N + END,
    "a version of nobody": b"POST /v1/chat/completions HTTP/1.9\r\n" + N + END,
    "garbage": b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
}  # fmt: skip


@pytest.mark.parametrize("body", [BODY, STREAM], ids=["whole", "stream"])
async def test_a_call_is_the_same_wherever_it_is_split(body):
    request = post(body)
    async with front() as place:
        reader, writer = await place.connect()
        said = set()
        for at in range(0, len(request), 3):
            writer.write(request[:at])
            await asyncio.sleep(0)
            await asyncio.sleep(0)
            writer.write(request[at:])
            status, _, told = await answer(reader)
            said.add((status, told))
        assert len(said) == 1
        assert said.pop()[0] == 200
        assert {seen.body for seen in place.teacher.seen} == {body}
        assert len(place.journal.attempts) == len(place.teacher.seen)
        assert {attempt.outcome for attempt in place.journal.attempts} == {Outcome.COMPLETE}


async def test_a_call_may_come_byte_by_byte():
    async with front() as place:
        reader, writer = await place.connect()
        for byte in post():
            writer.write(bytes([byte]))
            await asyncio.sleep(0)
        assert (await answer(reader))[0] == 200


async def test_requests_that_come_at_once_are_answered_one_after_the_other():
    bodies = [BODY.replace(b"hi", b"%d" % at) for at in range(5)]
    async with front() as place:
        reader, writer = await place.connect()
        writer.write(b"".join(map(post, bodies)))
        for _ in bodies:
            assert (await answer(reader))[0] == 200
        assert [seen.body for seen in place.teacher.seen] == bodies


async def test_both_ways_of_reading_take_turns_on_one_connection():
    """Calls in callbacks, others by uvicorn; also where the next is there before the last is answered."""
    async with front() as place:
        reader, writer = await place.connect()
        turns = [
            post(),
            MODELS,
            post(STREAM),
            CHUNKED,
            post(),
            post(b"x", "/v1/embeddings"),
            CHUNKED,
            MODELS,
            post(),
        ]
        for request in turns:
            writer.write(request)
            assert (await answer(reader))[0] == 200
        writer.write(
            post() + MODELS + post()
        )  # from the second on these are uvicorn's: it read them together
        for _ in range(3):
            assert (await answer(reader))[0] == 200
        assert len(place.teacher.seen) == len(turns) + 3
        assert len(place.journal.calls) == len(place.journal.attempts) == len(turns) + 3


@pytest.mark.parametrize("name", AMBIGUOUS)
@pytest.mark.parametrize("split", [False, True])
async def test_what_two_readers_may_read_in_two_ways_is_refused(name, split):
    """Nothing of it reaches an upstream, and nothing behind it is read."""
    async with front() as place:
        reader, writer = await place.connect()
        data = AMBIGUOUS[name]
        said = b""
        with contextlib.suppress(OSError, RuntimeError):  # it was refused before we had said all
            for at in range(0, len(data), 7) if split else [0]:
                writer.write(data[at : at + 7] if split else data)
                await asyncio.sleep(0)
            writer.write_eof()
            said = await asyncio.wait_for(reader.read(), 5)
        assert said == b"" or said.startswith(b"HTTP/1.1 400 ")
        assert said.count(b"HTTP/1.1") <= 1
        assert place.teacher.seen == place.journal.records == []


async def test_an_app_that_wants_the_connection_closed_is_obeyed():
    async with front() as place:
        for more in (b"Connection: close\r\n", b"Connection: Close\r\n"):
            reader, writer = await place.connect()
            writer.write(post(more=more))
            status, headers, _ = await answer(reader)
            assert (status, headers[b"connection"]) == (200, b"close")
            assert await reader.read() == b""
            writer.close()
        reader, writer = await place.connect()
        writer.write(post().replace(b"HTTP/1.1", b"HTTP/1.0"))
        assert (await answer(reader))[0] == 200
        assert await reader.read() == b""


@pytest.mark.parametrize("when", ["waiting", "streaming"])
async def test_an_app_that_leaves_is_left_by_its_upstream(when):
    async def slow(seen: Seen, out: Teller) -> None:
        if when == "streaming":
            await out.head(200, [(b"content-type", b"text/event-stream")])
            await out.piece(b'data: {"choices":[]}\n\n')
        await asyncio.sleep(30)

    async with front(Upstream(script=slow)) as place:
        reader, writer = await place.connect()
        writer.write(post(STREAM))
        if when == "streaming":
            await reader.readuntil(b"choices")
        else:
            await asyncio.sleep(0.1)
        writer.close()
        await asyncio.wait_for(place.teacher.cancelled.wait(), 2)
        (attempt,) = await place.settled(1)
        assert attempt.outcome is Outcome.CLIENT_ABORT
        assert place.gateway.accounts.in_flight == 0
        assert place.gateway.records.metrics.in_flight.values[()] == 0


async def test_an_app_that_reads_slowly_holds_its_upstream_up():
    sent, size = 0, 64 * 1024 * 1024

    async def long(seen: Seen, out: Teller) -> None:
        nonlocal sent
        await out.head(200, [(b"content-type", b"application/json"), (b"content-length", b"%d" % size)])
        while sent < size:
            sent += 65536
            await out.piece(bytes(65536))
        await out.end()

    async with front(Upstream(script=long), max_answer_log=1024) as place:
        reader, writer = await place.connect()
        writer.write(post())
        before = -1
        while sent > before:
            before = sent
            await asyncio.sleep(0.2)
        assert sent < size // 2
        status, _, body = await answer(reader)
        assert (status, len(body)) == (200, size)


async def test_a_cut_answer_is_cut_for_the_app():
    async def cut(seen: Seen, out: Teller) -> None:
        await out.head(200, [(b"content-type", b"text/event-stream")])
        await out.piece(b'data: {"choices":[]}\n\n')
        raise RuntimeError

    async with front(Upstream(script=cut)) as place:
        reader, writer = await place.connect()
        writer.write(post(STREAM))
        said = await asyncio.wait_for(reader.read(), 5)
        assert b"choices" in said
        assert not said.endswith(b"0\r\n\r\n")
        assert (await place.settled(1))[0].outcome is Outcome.UPSTREAM_CUT


async def test_an_upstream_that_is_late_or_not_there_is_told_by_a_status():
    async def silent(seen: Seen, out: Teller) -> None:
        await asyncio.sleep(30)

    async with front(Upstream(script=silent), times=Timeouts(connect=2.0, first_byte=0.05)) as place:
        reader, writer = await place.connect()
        writer.write(post())
        status, headers, body = await answer(reader)
        assert (status, b"upstream_timeout" in body) == (504, True)
        assert headers[b"x-stillhouse-call-id"].decode() == place.journal.calls[0].call_id
        writer.close()
    async with front("http://127.0.0.1:9") as place:
        reader, writer = await place.connect()
        for _ in range(2):
            writer.write(post())
            status, _, body = await answer(reader)
            assert (status, b"upstream_unreachable" in body) == (502, True)
        assert [attempt.outcome for attempt in place.journal.attempts] == [Outcome.ERROR] * 2


async def test_a_refused_call_leaves_the_connection_for_the_next():
    async with front(max_depth=4) as place:
        reader, writer = await place.connect()
        for body, status in ((b"not json", 400), (b"[" * 9, 400), (BODY, 200)):
            writer.write(post(body))
            assert (await answer(reader))[0] == status
        writer.write(post(more=b"Origin: https://evil.example\r\n"))
        assert (await answer(reader))[0] == 403
        writer.write(post())
        assert (await answer(reader))[0] == 200
        assert len(place.journal.calls) == 2


async def test_a_connection_without_use_is_closed_and_one_in_use_is_not():
    async def slow(seen: Seen, out: Teller) -> None:
        await asyncio.sleep(0.5)
        await place.teacher.usual(seen, out)

    async with front() as place:
        place.teacher.script = slow
        reader, writer = await place.connect()
        writer.write(post())
        await asyncio.sleep(0.1)
        (protocol,) = place.connections
        protocol.timeout_keep_alive = 0.2
        assert (await answer(reader))[0] == 200
        assert await asyncio.wait_for(reader.read(), 2) == b""


async def test_a_server_that_stops_lets_answers_end():
    free = asyncio.Event()

    async def slow(seen: Seen, out: Teller) -> None:
        await free.wait()
        await place.teacher.usual(seen, out)

    async with front() as place:
        place.teacher.script = slow
        (busy, writing), (idle, _) = await place.connect(), await place.connect()
        writing.write(post())
        await asyncio.sleep(0.1)
        for protocol in list(place.connections):
            protocol.shutdown()
        assert await asyncio.wait_for(idle.read(), 2) == b""
        free.set()
        status, headers, _ = await answer(busy)
        assert (status, headers[b"connection"]) == (200, b"close")
        assert await busy.read() == b""


async def test_what_is_under_way_when_the_transport_closes_is_nobodys_fault():
    async def silent(seen: Seen, out: Teller) -> None:
        await asyncio.sleep(30)

    async with front(Upstream(script=silent)) as place:
        reader, writer = await place.connect()
        writer.write(post())
        await asyncio.sleep(0.1)
        await place.gateway.transport.aclose()
        assert await asyncio.wait_for(reader.read(), 2) == b""
        (attempt,) = await place.settled(1)
        assert attempt.outcome is Outcome.CLIENT_ABORT


@pytest.mark.parametrize("waits", [False, True])
async def test_the_outcome_is_written_before_the_end_goes_out(waits):
    async with front(waits=waits) as place:
        reader, writer = await place.connect()
        for body in (BODY, STREAM):
            writer.write(post(body))
            await answer(reader)
        assert len(place.journal.attempts) == 2
        assert place.journal.waited == (2 if waits else 0)


@pytest.mark.parametrize("waits", [False, True])
async def test_a_stream_that_breaks_behind_its_last_event_is_cut_all_the_same(waits):
    """Its record is whole, and the app is not left waiting for the end of the body."""

    async def serve(reader, writer):
        await request(reader)
        events = b'data: {"choices":[{"index":0,"delta":{},"finish_reason":"stop"}]}\n\ndata: [DONE]\n\n'
        head = b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n"
        writer.write(head + b"%x\r\n%b\r\n" % (len(events), events))

    async with server(serve) as url, front(url, waits=waits) as place:
        reader, writer = await place.connect()
        writer.write(post(STREAM))
        said = await asyncio.wait_for(reader.read(), 5)
        assert b"[DONE]" in said
        assert not said.endswith(b"0\r\n\r\n")
        assert [attempt.outcome for attempt in place.journal.attempts] == [Outcome.COMPLETE]


async def test_an_app_that_leaves_while_the_disk_is_waited_for_holds_nobody_up():
    """The connection to the upstream may already be another call's."""

    async def unmarked(seen: Seen, out: Teller) -> None:
        await out.head(200, [(b"content-type", b"application/json")])
        await out.end(b'{"choices":[]}')

    async with front(Upstream(script=unmarked), waits=True) as place:
        place.journal.stuck = asyncio.Event()
        _, writer = await place.connect()
        writer.write(post())
        await place.settled(1)
        await asyncio.sleep(0.05)
        writer.close()
        await asyncio.sleep(0.05)
        place.journal.stuck = None
        reader, writer = await place.connect()
        writer.write(post())
        assert (await answer(reader))[0] == 200
        assert len(place.gateway.transport._kept._all) == 1


@given(
    st.lists(
        st.sampled_from(
            [b"POST / HTTP/1.1\r\n", b"Content-Length: 1\r\n", b"Transfer-Encoding: chunked\r\n", b"Expect: x\r\n",
             b"Connection: close\r\n", b"Upgrade: x\r\n", b"X: y\r\n", b" folded\r\n", b"X: y\n", b"\0", b"\r"]
        ),
        max_size=6,
    )
)  # fmt: skip
def test_only_what_leaves_no_question_is_simple(parts):
    head = b"".join(parts) + b"\r\n"
    if simple.read(head) is not None:
        assert parts[0] == b"POST / HTTP/1.1\r\n"
        assert parts.count(b"Content-Length: 1\r\n") == 1
        assert set(parts[1:]) <= {b"Content-Length: 1\r\n", b"Connection: close\r\n", b"X: y\r\n"}
