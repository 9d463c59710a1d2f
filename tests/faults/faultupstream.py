"""A local teacher that keeps books: what it was asked, what it answered, how that ended. Knows no gateway.

Speaks OpenAI's chat completions over HTTP/1.1, streamed or not; every answer is unique.
"""

import asyncio
import json
import threading
from dataclasses import dataclass

from faultcases import Plan

PAUSE_S = 0.03
PIECES = 6
ERRORS = {Plan.BUSY: (429, "rate_limit_exceeded"), Plan.BROKEN: (500, "server_error")}
MODELS = (
    b"HTTP/1.1 200 -\r\ncontent-type: application/json\r\ncontent-length: 27\r\n\r\n"
    b'{"object":"list","data":[]}'
)
REASONS = {Plan.LENGTH: "length", Plan.FILTERED: "content_filter"}


@dataclass
class Heard:
    """One request that was received whole, and its answer."""

    number: int
    case: str
    plan: Plan
    streamed: bool
    gone: bool = False  # the other side hung up before the answer was written

    @property
    def completion_id(self):
        return f"chatcmpl-{self.number:06d}"

    @property
    def content(self):
        return f'Answer {self.number} to {self.case}:\n"é" ' + " ".join(
            f"w{i * self.number % 97}" for i in range(40)
        )

    @property
    def completion(self):
        message = {"role": "assistant", "content": self.content, "refusal": None}
        choice = {"index": 0, "message": message, "logprobs": None, "finish_reason": self.reason}
        return {**self._base("chat.completion"), "choices": [choice], "usage": self._usage}

    @property
    def reason(self):
        return REASONS.get(self.plan, "stop")

    @property
    def chunks(self):
        """The pieces of the stream, its end mark included."""
        step = -(-len(self.content) // PIECES)
        texts = [self.content[at : at + step] for at in range(0, len(self.content), step)]
        yield self._chunk({"role": "assistant", "content": ""})
        for text in texts:
            yield self._chunk({"content": text})
        yield self._chunk({}, self.reason)
        yield _event({**self._base("chat.completion.chunk"), "choices": [], "usage": self._usage})
        yield b"data: [DONE]\n\n"

    @property
    def _usage(self):
        return {"prompt_tokens": 20, "completion_tokens": self.number, "total_tokens": 20 + self.number}

    def _base(self, kind):
        return {
            "id": self.completion_id,
            "object": kind,
            "created": 1_790_000_000,
            "model": "gpt-4o-mini-2024",
        }

    def _chunk(self, delta, reason=None):
        choice = {"index": 0, "delta": delta, "logprobs": None, "finish_reason": reason}
        return _event({**self._base("chat.completion.chunk"), "choices": [choice]})


class Upstream:
    """The server, on a loop and a thread of its own. `heard` grows in the order of receipt."""

    def __init__(self):
        self.heard = []
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="upstream")
        self._talks = set()

    def __enter__(self):
        self._thread.start()
        starting = asyncio.start_server(self._talk, "127.0.0.1", 0, backlog=2048)
        self._server = asyncio.run_coroutine_threadsafe(starting, self._loop).result()
        return self

    def __exit__(self, *_):
        asyncio.run_coroutine_threadsafe(self._end(), self._loop).result()
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    @property
    def url(self):
        host, port = self._server.sockets[0].getsockname()
        return f"http://{host}:{port}/v1"

    async def _end(self):
        self._server.close()
        for talk in self._talks:
            talk.cancel()
        await asyncio.gather(*self._talks, return_exceptions=True)

    async def _talk(self, reader, writer):
        self._talks.add(asyncio.current_task())
        try:
            while (asked := await _request(reader)) is not None:
                if not asked:
                    writer.write(MODELS)
                elif not await Telling(self._note(asked), reader, writer).tell():
                    break
        except (ConnectionError, asyncio.CancelledError):
            pass  # the other side is gone, or the test is over
        finally:
            writer.transport.abort()
            self._talks.discard(asyncio.current_task())

    def _note(self, asked):
        case, plan = asked["messages"][-1]["content"].split()
        heard = Heard(len(self.heard) + 1, case, Plan(plan), bool(asked.get("stream")))
        self.heard.append(heard)
        return heard


class Telling:
    """One answer being told as its plan says."""

    def __init__(self, heard, reader, writer):
        self._heard, self._reader, self._writer = heard, reader, writer

    async def tell(self):
        """Answer; whether the connection may be used again."""
        match self._heard.plan:
            case Plan.SILENT:
                return await self._wait()
            case Plan.BUSY | Plan.BROKEN as plan:
                status, code = ERRORS[plan]
                return await self._whole(status, _error(code))
            case Plan.GARBAGE:
                return await self._whole(200, b"<html>Bad gateway</html>", kind="text/html")
        return await (self._stream() if self._heard.streamed else self._object())

    async def _object(self):
        data = json.dumps(self._heard.completion).encode()
        half = data[: len(data) // 2]
        match self._heard.plan:
            case Plan.FAILING:
                return await self._whole(200, _error("server_error"))
            case Plan.UNENDED:
                return await self._whole(200, half)
            case Plan.CUT | Plan.STALLED as plan:
                self._head(200, "application/json", f"content-length: {len(data)}")
                await self._write(half)
                return await self._wait() if plan is Plan.STALLED else False
            case Plan.SLOW:
                await self._pause()
        return await self._whole(200, data)

    async def _stream(self):
        plan, chunks = self._heard.plan, list(self._heard.chunks)
        self._head(200, "text/event-stream; charset=utf-8", "transfer-encoding: chunked")
        if plan in {Plan.CUT, Plan.UNENDED, Plan.FAILING, Plan.STALLED}:
            chunks = chunks[:PIECES]
        for chunk in [
            *chunks,
            *([b"data: " + _error("server_error") + b"\n\n"] if plan is Plan.FAILING else []),
        ]:
            await self._write(b"%x\r\n%s\r\n" % (len(chunk), chunk))
            if plan is Plan.SLOW:
                await self._pause()
        if plan is Plan.STALLED:
            return await self._wait()
        if plan is Plan.CUT:
            return False
        await self._write(b"0\r\n\r\n")
        return True

    async def _whole(self, status, data, kind="application/json"):
        self._head(status, kind, f"content-length: {len(data)}")
        await self._write(data)
        return True

    def _head(self, status, kind, framing):
        lines = (f"HTTP/1.1 {status} -", f"content-type: {kind}", "x-request-id: req_1", framing, "", "")
        self._writer.write("\r\n".join(lines).encode())

    async def _write(self, data):
        if self._writer.transport.is_closing():
            self._heard.gone = True
            raise ConnectionError
        self._writer.write(data)
        await self._writer.drain()

    async def _pause(self):
        await asyncio.sleep(PAUSE_S)
        if self._reader.at_eof():
            self._heard.gone = True
            raise ConnectionError

    async def _wait(self):
        """Say nothing more until the other side gives up."""
        await self._reader.read(1)
        self._heard.gone = True
        return False


async def _request(reader):
    """Read one request; what it asks (nothing: which models there are), or None at the end of the connection."""
    try:
        head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").lower()
        if head.startswith("get /v1/models "):
            return {}
        fields = dict(line.split(": ", 1) for line in head.split("\r\n")[1:] if line)
        assert head.startswith("post /v1/chat/completions "), head
        assert fields["authorization"].startswith("bearer sk-"), "no credential"
        return json.loads(await reader.readexactly(int(fields["content-length"])))
    except asyncio.IncompleteReadError:
        return None


def _event(value):
    return b"data: " + json.dumps(value).encode() + b"\n\n"


def _error(code):
    return json.dumps(
        {"error": {"message": "No.", "type": "api_error", "param": None, "code": code}}
    ).encode()
