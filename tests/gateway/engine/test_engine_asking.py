"""What goes to upstreams: bytes as they must be, bodies as they come, nothing that smuggles."""

from __future__ import annotations

import asyncio

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from scripted import QUICK, ask, client, request, server, whole

from gateway.engine import fields
from gateway.engine.asking import aim
from gateway.engine.fields import Malformed
from gateway.errors import ClientGone
from gateway.upstream.port import ConnectFailed, Outgoing, UpstreamCut

OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"


async def heard(sent: Outgoing, answer: bytes = OK) -> bytes:
    """Give what an upstream receives."""
    got = bytearray()

    async def serve(reader, writer):
        async with asyncio.timeout(1):
            while not (
                (b"\r\n\r\n" in got and got.endswith((b"{}", b"0\r\n\r\n", b"ello"))) or b"GET" in got
            ):
                got.extend(await reader.read(65536))
        writer.write(answer)

    async with server(serve) as url, client() as transport:
        made = Outgoing(
            method=sent.method, url=url + sent.url, headers=sent.headers, body=sent.body, timeouts=QUICK
        )
        assert (await whole(transport, made))[1] == b"ok"
        return bytes(got).replace(url.removeprefix("http://").encode(), b"HOST")


async def pieces(*parts: bytes):
    for part in parts:
        await asyncio.sleep(0)
        yield part


async def test_the_bytes_of_a_request():
    given_ = ((b"authorization", b"Bearer a"), (b"x-empty", b""))
    assert await heard(Outgoing(method="POST", url="/v1/a%2Fb?q=%C3%A4&r", headers=given_, body=b"{}")) == (
        b"POST /v1/a%2Fb?q=%C3%A4&r HTTP/1.1\r\nhost: HOST\r\nauthorization: Bearer a\r\nx-empty: \r\n"
        b"content-length: 2\r\n\r\n{}"
    )
    assert await heard(Outgoing(method="GET", url="/v1/m")) == b"GET /v1/m HTTP/1.1\r\nhost: HOST\r\n\r\n"


async def test_a_body_that_comes_in_pieces_goes_on_in_pieces():
    chunked = await heard(Outgoing(method="POST", url="/u", body=pieces(b"h", b"", b"ello")))
    assert chunked.endswith(b"transfer-encoding: chunked\r\n\r\n1\r\nh\r\n4\r\nello\r\n0\r\n\r\n")
    length = ((b"content-length", b"5"),)
    announced = await heard(Outgoing(method="POST", url="/u", headers=length, body=pieces(b"h", b"ello")))
    assert announced.endswith(b"content-length: 5\r\n\r\nhello")


@pytest.mark.parametrize("parts", [(b"hel",), (b"hel", b"lo!")])
async def test_a_body_of_another_length_than_announced_is_cut(parts):
    async with server(lambda reader, _: reader.read()) as url, client() as transport:
        wrong = ask(url, body=pieces(*parts), headers=((b"content-length", b"5"),))
        with pytest.raises(UpstreamCut, match="as long as"):
            await whole(transport, wrong)
        assert not transport._kept._all


async def test_an_app_that_leaves_while_its_body_is_sent_ends_the_exchange():
    async def leaving():
        yield b"x"
        raise ClientGone

    gone = asyncio.Event()

    async def serve(reader, _):
        await reader.read()
        gone.set()

    async with server(serve) as url, client() as transport:
        with pytest.raises(ClientGone):
            await transport.send(ask(url, body=leaving()))
        await asyncio.wait_for(gone.wait(), 2)


async def test_an_upstream_that_answers_before_it_has_all_is_heard():
    """Its connection serves no more, and the rest of the body is not sent."""
    more = asyncio.Event()

    async def waiting():
        yield b"x"
        await more.wait()
        yield b"y"

    async def serve(reader, writer):
        await reader.readuntil(b"x\r\n")
        writer.write(b"HTTP/1.1 413 Too Large\r\nContent-Length: 2\r\n\r\nno")
        await reader.read()

    async with server(serve) as url, client() as transport:
        assert await whole(transport, ask(url, body=waiting())) == (413, b"no")
        assert not any(transport._kept._idle.values())


@pytest.mark.parametrize("name", [b"", b"a b", b"a:", b"a\r\nb", b"\xc3"])
def test_a_name_that_is_none_is_refused(name):
    with pytest.raises(Malformed):
        fields.written(((name, b"x"),))


@pytest.mark.parametrize("url", ["ftp://x", "http://", "http://x:port/", "http://x:99999/"])
async def test_a_url_that_names_no_server_is_refused(url):
    async with client() as transport:
        with pytest.raises((UpstreamCut, ConnectFailed)):
            await transport.send(Outgoing(method="GET", url=url, timeouts=QUICK))


@pytest.mark.parametrize("url", ["/a b", "/a\r\nX: y", "/a#b", "/a?b c", "/a?b\nc"])
async def test_a_target_that_would_be_read_otherwise_is_not_sent(url):
    async with client() as transport:
        with pytest.raises(UpstreamCut):
            await transport.send(Outgoing(method="GET", url="http://127.0.0.1:9" + url, timeouts=QUICK))


def test_hosts_are_said_as_they_must_be():
    assert aim("http://example.com:80/v1").host == b"example.com"
    assert aim("https://example.com:80/v1").host == b"example.com:80"
    assert aim("http://[::1]:4000").host == b"[::1]:4000"


@example(value=b"a\r\nX-Evil: b")
@example(value=b"a\r\n\r\nGET / HTTP/1.1")
@example(value=b" a")
@example(value=b"a ")
@given(value=st.binary(max_size=40))
def test_a_value_stays_within_its_line_or_is_refused(value):
    try:
        said = fields.written(((b"x", value), (b"y", b"z")))
    except Malformed:
        return
    assert fields.read(b"GET / HTTP/1.1\r\n" + said + b"\r\n") == ((b"x", value), (b"y", b"z"))


@given(
    block=st.lists(
        st.sampled_from([b"a", b":", b" ", b"\t", b"\r", b"\n", b"\r\n", b"\0", b"x: y"]), max_size=12
    )
)
def test_fields_that_are_read_are_those_that_are_there(block):
    """Whatever is read says all of the head: nothing was passed over, nothing is in two fields."""
    head = b"HTTP/1.1 200 OK\r\n" + b"".join(block) + b"\r\n\r\n"
    try:
        found = fields.read(head)
    except Malformed:
        return
    assert [line.partition(b":")[0].lower() for line in head.split(b"\r\n")[1:-2]] == [
        name for name, _ in found
    ]
    assert head.count(b"\r\n") == len(found) + 2


async def test_requests_follow_one_another_on_one_connection():
    seen = []

    async def serve(reader, writer):
        while True:
            seen.append((writer, await request(reader)))
            writer.write(OK)

    async with server(serve) as url, client() as transport:
        for _ in range(3):
            assert await whole(transport, ask(url)) == (200, b"ok")
        assert len({writer for writer, _ in seen}) == 1
