"""One exchange in the making, until it becomes the record of an attempt. Knows no ASGI and no journal."""

from __future__ import annotations

import time

import msgspec

from gateway import codings, echo
from gateway import headers as head
from gateway.bodies import is_json
from gateway.capture.ending import Ending
from gateway.capture.reading import is_stream
from gateway.excerpt import excerpt
from gateway.upstream.port import Headers
from store.ids import new_id
from store.vocabulary import Attempt, Call, Outcome, Role, Who

_OF_THE_BYTES = (b"content-encoding", b"content-length")


class Exchange(msgspec.Struct, kw_only=True):
    """What is known so far. `take` sees every piece; at most `limit` bytes of them are kept."""

    call: Call
    role: Role
    who: Who
    model: str
    upstream: str
    student_id: str | None = None
    limit: int
    brief: int | None = (
        None  # what is not understood: more than so many bytes are kept of JSON only, as an excerpt
    )
    surface: str = "chat"  # of the answer's bytes
    secrets: tuple[bytes, ...] = ()  # what the upstream was shown, kept nowhere
    attempt_id: str = msgspec.field(default_factory=new_id)
    started: float = msgspec.field(default_factory=time.time)
    confidence: float | None = None  # of a student's answer, calibrated
    label: str | None = None  # what it says, where its route tells answers apart by it
    recorded: Outcome | None = None  # set once, when the attempt was journalled
    sent: bool = False  # a request of it went to the transport
    unsynced: bool = False  # journalled, and nobody has waited for the disk yet
    status: int = 0
    headers: Headers = ()
    content_type: str = ""  # the answer's, "" before the head
    streamed: bool = False  # it is a stream of events
    size: int = 0  # bytes received, content-encoded
    first_byte_ms: float | None = None
    truncated: bool = False
    released: bool = False  # bytes of a student's answer went to the app: no other can replace it
    _began: float = msgspec.field(default_factory=time.perf_counter)
    _parts: list[bytes] = msgspec.field(default_factory=list)
    _room: int = 0  # bytes that are still kept
    _length: int | None = None  # that the head says
    _coded: bool = False  # the answer is content-encoded
    _ending: Ending | None = None

    def __post_init__(self) -> None:
        """Make room."""
        if self.headers:
            self._said(self.headers)
        else:
            self._room = self.limit if self.brief is None else self.brief

    def __repr__(self) -> str:
        """Name it only: it holds credentials."""
        return f"Exchange({self.attempt_id!r})"

    def heard(self, status: int, headers: Headers) -> None:
        """Note the response head."""
        self.status = status
        self._said(headers)

    def noted(self) -> None:
        """Note that the upstream says something."""
        if self.first_byte_ms is None:
            self.first_byte_ms = self.elapsed_ms()

    def take(self, piece: bytes) -> None:
        """Note a piece of the answer."""
        if self.first_byte_ms is None:
            self.noted()
        self.size += len(piece)
        if self._room < len(piece):
            self.truncated = True
            piece = piece[: self._room]
        self._room -= len(piece)
        self._parts.append(piece)

    def ends_with(self, piece: bytes) -> bool:
        """Tell whether `piece`, just taken, is the last that the app waits for."""
        if self._length is not None:
            return self.size >= self._length
        if not self.streamed:
            return False
        if self._ending is None:
            self._ending = Ending(self.surface)
        return self._ending.came_with(piece)

    def _said(self, headers: Headers) -> None:
        self.headers = headers
        said = dict(headers)  # of the last, where there are several
        self.content_type = said.get(b"content-type", b"").decode("latin-1")
        self.streamed = is_stream(self.content_type)
        self._length = head.whole(said.get(b"content-length", b"").decode("latin-1"))
        self._coded = b"content-encoding" in said
        brief = self.brief is not None and not is_json(self.content_type)
        self._room = self.brief if brief and self.brief is not None else self.limit

    def said_as(self, surface: str, content_type: str, body: bytes) -> None:
        """Keep, in place of what the upstream said, what the app gets on its own surface."""
        self.surface = surface
        self._said(((b"content-type", content_type.encode()),))
        self._parts = [body]

    def keep(self, body: bytes) -> None:
        """Keep this, decoded, in place of what the upstream said."""
        self._said(tuple(header for header in self.headers if header[0] not in _OF_THE_BYTES))
        self._parts = [body]

    def elapsed_ms(self) -> float:
        """Milliseconds since the exchange began."""
        return (time.perf_counter() - self._began) * 1000.0

    def body(self) -> bytes:
        """Give what was kept of the answer, content-decoded where that is possible."""
        body = self._decoded(b"".join(self._parts))
        return body if self.brief is None else excerpt(body, self.brief)

    def _decoded(self, raw: bytes) -> bytes:
        if not (self._coded and raw):
            return raw
        coding = head.listed(self.headers, b"content-encoding")
        try:
            return codings.decode(raw, coding, self.limit)
        except codings.TooLong:
            self.truncated = True
            return b""
        except (codings.BadCoding, KeyError):
            return raw

    def attempt(self, *, outcome: Outcome, served: bool, body: bytes, error: str | None) -> Attempt:
        """Make the record, without what the upstream said of the credentials that it was shown."""
        kept = tuple((name, echo.without(text, self.secrets)) for name, text in self.headers)
        return Attempt(
            attempt_id=self.attempt_id,
            call_id=self.call.call_id,
            ts=time.time(),
            role=self.role,
            who=self.who,
            served=served,
            model=self.model,
            upstream=self.upstream,
            surface=self.surface,
            student_id=self.student_id,
            outcome=outcome,
            status=self.status,
            started=self.started,
            first_byte_ms=self.first_byte_ms,
            duration_ms=self.elapsed_ms(),
            content_type=head.value(kept, b"content-type") or "",
            headers=head.logged_response(kept),
            body=echo.without(body, self.secrets),
            error=error,
            confidence=self.confidence,
            label=self.label,
        )
