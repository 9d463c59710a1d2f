"""One connection to an upstream: one exchange after the other. Knows no pool, no URL and no record.

What it hears it tells a `Listener`, in the callbacks of the loop. llhttp delimits the body; the fields are read here.
"""

from __future__ import annotations

import asyncio
import math
from collections.abc import Callable
from typing import Protocol, cast

import httptools

from gateway.engine import answered
from gateway.engine.alarm import Alarm
from gateway.engine.fields import Malformed
from gateway.upstream.port import Headers, UpstreamCut, UpstreamTimeout
from gateway.upstream.spec import Timeouts

_MOST_INTERIM = 32  # 1xx heads before an answer: a 103 or two is what servers send


class Listener(Protocol):
    """Whom an answer is told: its head, its pieces, and then that it ended or why it did not, once."""

    def answered(self, status: int, headers: Headers) -> None:
        """Take the head."""

    def heard(self, pieces: list[bytes], *, last: bool) -> None:
        """Take pieces of the body, at least one, as the upstream delimited them; the list is the listener's.

        `last`: they are the last, and `ended` follows at once.
        """

    def ended(self) -> None:
        """Take that the answer is whole. The connection may already serve another."""

    def failed(self, error: Exception) -> None:
        """Take why no more comes: an `UpstreamError`, or what broke the body that was being sent."""


class Closed(UpstreamCut):
    """This side closed the connection under an exchange, as the gateway stops."""


class Connection(asyncio.Protocol):
    """Asks, and tells of the answer. `freed` takes it when it can serve again, `lost` when it never can."""

    def __init__(self, freed: Callable[[Connection], None], lost: Callable[[Connection], None]) -> None:
        self._freed = freed
        self._lost = lost
        self.transport: asyncio.Transport
        self.idle_since = 0.0
        self._loop = asyncio.get_running_loop()
        self._alarm = Alarm(self._loop, self._late)
        self._listener: Listener | None = None
        self._parser: httptools.HttpResponseParser | None = None  # None: the head is still to come
        self._held = b""  # of a head that is not whole
        self._times = Timeouts()
        self._deadline = math.inf
        self._of_head = False
        self._interim = 0
        self._uploading = False  # pieces of a request are still to be written
        self._paused = False
        self._writable: asyncio.Future[None] | None = None
        self._bodies: list[bytes] = []
        self._done = False  # the parser saw the answer's end
        self._keeps = False  # the upstream keeps the connection open after it
        self._spoiled = False  # more came than was asked for
        self._until_closed = False  # the answer ends with the connection

    @property
    def open(self) -> bool:
        """Whether something can be sent on it."""
        return not self.transport.is_closing()

    def ask(
        self, head: bytes, listener: Listener, times: Timeouts, *, of_head: bool = False, body: bytes | None
    ) -> None:
        """Send a request; a `body` of None comes by `write`, and is ended by `written`."""
        now = self._loop.time()
        self._listener, self._times, self._of_head = listener, times, of_head
        self._parser, self._held, self._interim = None, b"", 0
        self._done = self._keeps = self._spoiled = self._until_closed = False
        self._uploading = body is None
        self._deadline = now + times.total if times.total else math.inf
        self._alarm.set(min(now + times.first_byte, self._deadline))
        self.transport.write(head + body if body else head)

    async def write(self, data: bytes) -> None:
        """Send bytes of the body, and wait while the upstream does not read. Raises `UpstreamCut`."""
        while self._writable is not None:
            await asyncio.shield(self._writable)
        if self._listener is None:
            raise UpstreamCut("The connection ended while the request was being sent.")
        self.transport.write(data)

    def written(self) -> None:
        """Take that all of the body was sent."""
        self._uploading = False

    def give_up(self) -> None:
        """Close it, whatever is under way; nobody is told of the rest."""
        self._listener = None
        self._close()

    def leave(self, listener: Listener) -> None:
        """Close it where it is still this listener's."""
        if self._listener is listener:
            self.give_up()

    def broke(self, error: Exception) -> None:
        """Close it and say why."""
        listener, self._listener = self._listener, None
        self._close()
        if listener is not None:
            listener.failed(error)

    def pause(self) -> None:
        """Read no more until `resume`: whoever listens is slower than the upstream."""
        if self._listener is not None and self.open:
            self._paused = True
            self.transport.pause_reading()
            self._alarm.set(self._deadline)

    def resume(self) -> None:
        """Read on."""
        if self._paused and self.open:
            self._paused = False
            self.transport.resume_reading()
            self._patience()

    # What the loop calls.

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Take the transport."""
        self.transport = cast("asyncio.Transport", transport)

    def pause_writing(self) -> None:
        """Let `write` wait."""
        self._writable = self._loop.create_future()

    def resume_writing(self) -> None:
        """Let `write` go on."""
        if self._writable is not None:
            self._writable.set_result(None)
            self._writable = None

    def data_received(self, data: bytes) -> None:
        """Take what came."""
        if self._listener is None:  # nothing was asked: whatever this is, it must not become an answer
            self._close()
            return
        try:
            if self._parser is None:
                self._begun(data)
            else:
                self._parser.feed_data(data)
        except Malformed as why:
            self.broke(UpstreamCut(f"The answer is no HTTP/1.1: {why}"))
            return
        except httptools.HttpParserError:
            if not self._done:
                self.broke(UpstreamCut("The answer is no HTTP/1.1."))
                return
            self._spoiled = True
        self._tell()

    def connection_lost(self, exc: Exception | None) -> None:
        """Take its end."""
        self._alarm.stop()
        self.resume_writing()
        listener, self._listener = self._listener, None
        self._lost(self)
        if listener is None:
            return
        if self._until_closed and exc is None:
            listener.ended()
        else:
            doing = "waiting for the response head" if self._parser is None else "reading the answer"
            listener.failed(UpstreamCut(f"The connection ended while {doing}."))

    # What the parser calls, in the midst of `feed_data`.

    def on_message_begin(self) -> None:
        """Take that an answer begins: one was asked for."""
        self._spoiled = self._spoiled or self._done

    def on_body(self, data: bytes) -> None:
        """Take bytes of a body."""
        if not self._done:
            self._bodies.append(data)

    def on_message_complete(self) -> None:
        """Take that the answer is whole."""
        self._complete()

    def _complete(self) -> None:
        self._done = True
        # Only now: the parser has forgotten it when `feed_data` returns.
        self._keeps = self._parser is not None and self._parser.should_keep_alive()

    def _begun(self, data: bytes) -> None:
        """Read heads, up to that of the answer, and give the parser what follows."""
        data = self._held + data if self._held else data
        while True:
            end = data.find(b"\r\n\r\n") + 4
            if max(end, len(data) if end < 4 else 0) > answered.MOST:  # noqa: PLR2004 - 3 is "not found"
                raise Malformed("Its head is too long.")
            if end < 4:  # noqa: PLR2004
                if data.count(b"\n") != data.count(b"\r\n"):
                    raise Malformed("A line ends in another way.")
                self._held = data
                return
            head = answered.read(data[:end], of_head=self._of_head)
            if not head.interim:
                break
            self._interim += 1
            if self._interim > _MOST_INTERIM:
                raise Malformed("Too many interim answers came before it.")
            data = data[end:]
        self._held = b""
        self._begin(head, data, end)

    def _begin(self, head: answered.Head, data: bytes, end: int) -> None:
        listener = self._listener
        # All is here: nothing is left to the parser.
        if head.length == len(data) - end and listener is not None:
            self._done = self._keeps = True
            self._bodies = [data[end:]] if head.length else []
            listener.answered(head.status, head.headers)
            return
        parser = self._parser = httptools.HttpResponseParser(self)
        parser.feed_data(data[:end])
        if head.bodiless and not self._done:
            self._complete()
        self._until_closed = not self._done and _unbounded(head.headers)
        if listener is not None:
            self._patience()
            listener.answered(head.status, head.headers)
        if not self._done and len(data) > end and self._listener is not None:
            parser.feed_data(data[end:])
        elif self._done and len(data) > end:
            self._spoiled = True

    def _tell(self) -> None:
        listener, bodies = self._listener, self._bodies
        if bodies:
            self._bodies = []
            if listener is not None:
                self._patience()
                listener.heard(bodies, last=self._done)
        if self._done and self._listener is not None:
            self._finish(self._listener)

    def _finish(self, listener: Listener) -> None:
        self._listener = None
        if self._lasts():
            self.resume()
            self._alarm.clear()
            self._freed(self)
        else:
            self._close()
        listener.ended()

    def _lasts(self) -> bool:
        """Tell whether it can serve again: both sides said all of what they had to say, and want it so."""
        return (
            self._keeps
            and not (self._spoiled or self._uploading or self.transport.is_closing())
            and self.transport.get_write_buffer_size() == 0
        )

    def _patience(self) -> None:
        self._alarm.set(min(self._loop.time() + self._times.idle, self._deadline))

    def _late(self) -> None:
        doing = "waiting for the response head" if self._parser is None else "reading the answer"
        self.broke(UpstreamTimeout(f"Time ran out while {doing}."))

    def _close(self) -> None:
        """Leave nothing in flight: what the upstream is still saying is not waited for."""
        self.transport.abort()


def _unbounded(headers: Headers) -> bool:
    return not any(name in (b"content-length", b"transfer-encoding") for name, _ in headers)
