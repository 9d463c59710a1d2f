"""Both seams under bytes that nobody meant: whatever comes, each asks or answers once, and nothing escapes."""

from __future__ import annotations

import asyncio
from itertools import pairwise

import httptools
from apps_side import BODY
from hypothesis import example, given
from hypothesis import strategies as st
from test_engine_answers import BAD, GOOD
from test_engine_apps import AMBIGUOUS, post

from gateway.engine import simple
from gateway.engine.connection import Connection
from gateway.upstream.port import UpstreamError
from gateway.upstream.spec import Timeouts

SAMPLES = [answer for answer, _ in GOOD.values()] + [answer for answer in BAD.values() if len(answer) < 500]
ODD = [
    b"\r",
    b"\n",
    b"\r\n",
    b"\0",
    b" ",
    b":",
    b"0",
    b"f",
    b"Content-Length: 1\r\n",
    b"Transfer-Encoding: chunked\r\n",
]


class Wire:
    """A transport that goes nowhere."""

    closing = False

    def write(self, data: bytes) -> None:
        assert not self.closing

    def is_closing(self) -> bool:
        return self.closing

    def get_write_buffer_size(self) -> int:
        return 0

    def pause_reading(self) -> None:
        """Nothing to pause."""

    resume_reading = pause_reading

    def abort(self) -> None:
        self.closing = True


class Heard:
    """A listener that counts."""

    def __init__(self) -> None:
        self.heads, self.ends, self.failures = 0, 0, []
        self.body = b""

    def answered(self, status, headers):
        assert self.heads == self.ends == len(self.failures) == 0
        self.heads += 1

    def heard(self, pieces, *, last):
        assert self.heads == 1
        assert self.ends == len(self.failures) == 0
        self.body += b"".join(pieces)

    def ended(self):
        self.ends += 1

    def failed(self, error):
        self.failures.append(error)


def answer_to(pieces: list[bytes], *, closes: bool) -> tuple[Heard, bool]:
    """Let an upstream say these pieces; give what was heard, and whether its connection is kept."""
    loop = asyncio.new_event_loop()
    kept: list[Connection] = []

    async def run() -> Heard:
        heard, wire = Heard(), Wire()
        connection = Connection(kept.append, lambda _: None)
        connection.connection_made(wire)
        connection.ask(b"POST / HTTP/1.1\r\n\r\n", heard, Timeouts(), body=b"x")
        for piece in pieces:
            if not wire.closing:
                connection.data_received(piece)
        if closes or wire.closing:
            wire.closing = True
            connection.connection_lost(None)
        connection._alarm.stop()
        return heard

    try:
        heard = loop.run_until_complete(run())
        return heard, bool(kept) and not kept[0].transport.is_closing()
    finally:
        loop.close()


class Alone:
    """llhttp without us."""

    def __init__(self) -> None:
        self.body, self.done = b"", False

    def on_body(self, data):
        self.body += b"" if self.done else data

    def on_message_complete(self):
        self.done = True


@st.composite
def mutated(draw, samples):
    """A sample with a few bytes put in, taken out or said twice, cut into pieces."""
    data = bytearray(draw(st.sampled_from(samples)))
    for _ in range(draw(st.integers(0, 4))):
        at = draw(st.integers(0, len(data)))
        kind = draw(st.sampled_from(["put", "take", "twice", "byte"]))
        if kind == "put":
            data[at:at] = draw(st.sampled_from(ODD))
        elif kind == "take":
            del data[at : at + draw(st.integers(1, 8))]
        elif kind == "twice":
            data[at:at] = data[at : at + draw(st.integers(1, 40))]
        else:
            data[at:at] = draw(st.binary(min_size=1, max_size=2))
    cuts = sorted(draw(st.lists(st.integers(0, len(data)), max_size=4)))
    edges = [0, *cuts, len(data)]
    return [bytes(data[a:b]) for a, b in pairwise(edges) if a < b]


@example(pieces=[GOOD["length"][0] * 2], closes=False)
@example(pieces=[GOOD["interim"][0][:30], GOOD["interim"][0][30:]], closes=True)
@given(pieces=mutated(SAMPLES), closes=st.booleans())
def test_an_answer_ends_once_however_it_is_spelled(pieces, closes):
    heard, kept = answer_to(pieces, closes=closes)
    assert heard.ends + len(heard.failures) <= 1
    if closes:
        assert heard.ends + len(heard.failures) == 1
    assert all(isinstance(error, UpstreamError) for error in heard.failures)
    assert not (kept and heard.failures)


@given(pieces=mutated([answer for answer, _ in GOOD.values() if b"103" not in answer]))
def test_what_ends_is_what_the_parser_alone_says(pieces):
    """Our checks only refuse: they never change what an answer is, wherever it was cut."""
    heard, _ = answer_to(pieces, closes=False)
    if not heard.ends:
        return
    alone = Alone()
    try:
        httptools.HttpResponseParser(alone).feed_data(b"".join(pieces))
    except httptools.HttpParserError:
        assert alone.done
    assert alone.done
    assert heard.body == alone.body


@given(pieces=mutated([post(), *AMBIGUOUS.values()]))
def test_what_is_simple_is_to_the_parser_what_it_is_to_us(pieces):
    """A head that we read ourselves says the same length, path and fields to llhttp, which refuses none of them."""
    data = b"".join(pieces)
    head = data[: data.find(b"\r\n\r\n") + 4]
    found = simple.read(head)
    if found is None:
        return

    class Reads:
        fields: list[tuple[bytes, bytes]] = []  # noqa: RUF012 - of this one test
        body, url, done = b"", b"", False

        def on_url(self, url):
            self.url += url

        def on_header(self, name, value):
            self.fields.append((name.lower(), value.strip(b" \t")))

        def on_body(self, data):
            self.body += data

        def on_message_complete(self):
            self.done = True

    Reads.fields = []
    reads = Reads()
    parser = httptools.HttpRequestParser(reads)
    body = b"x" * min(found.length, 10_000)
    if found.length != len(body):
        return
    parser.feed_data(head + body)
    assert (reads.done, reads.body) == (True, body)
    assert tuple(reads.fields) == found.request.headers
    assert reads.url.decode() == found.request.target
    assert parser.should_keep_alive() is found.keep_alive


def test_the_samples_hold_what_they_are_taken_for():
    assert answer_to([GOOD["chunked"][0]], closes=False)[0].body == b"hello"
    assert simple.read(post()[: -len(BODY)]) is not None
    assert not any(simple.read(one.partition(b"\r\n\r\n")[0] + b"\r\n\r\n") for one in AMBIGUOUS.values())
