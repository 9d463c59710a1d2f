"""Which API a request speaks, and what is sent for it. Keeps what it saw."""

from __future__ import annotations

import base64
import hashlib
import json
import struct
from collections import Counter
from collections.abc import Callable, Iterator
from typing import Any, Self

from . import chat, messages, responses
from .faults import FAULTS, MARK, Due, refuse, well
from .http import Gone, Seen, Server, Teller
from .say import say

MODELS = ("gpt-4o", "gpt-4o-mini", "text-embedding-3-small", "claude-sonnet-4-5")
EVENTS = "text/event-stream; charset=utf-8"
JSON = "application/json"
DIMENSIONS = 8


class Mock:
    """The provider. `seen` grows in the order of receipt."""

    def __init__(self) -> None:
        self._server = Server(self._answer)
        self.seen: list[Seen] = []
        self.left: list[Seen] = []  # requests whose app hung up before the answer was sent
        self._times: Counter[bytes] = Counter()

    async def __aenter__(self) -> Self:
        await self._server.start()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._server.stop()

    @property
    def url(self) -> str:
        """Where it is, without a version."""
        return self._server.url

    def begin(self) -> None:
        """Forget what was seen, for the next one who asks."""
        self.seen, self.left = [], []
        self._times.clear()

    async def _answer(self, seen: Seen, out: Teller) -> None:
        self.seen.append(seen)
        try:
            await self._tell(seen, out)
        except Gone:
            self.left.append(seen)
            raise

    async def _tell(self, seen: Seen, out: Teller) -> None:
        kept = {"x-request-id": "req_" + hashlib.sha256(seen.body).hexdigest()[:12]}
        kept |= {"openai-processing-ms": "12", "x-ratelimit-remaining-requests": "99"}
        pieces, streamed = due(seen), seen.json.get("stream") is True
        if pieces is None:
            empty = Due(pieces=(), streamed=False, headers=kept)
            await refuse(404, empty, out)
            return
        self._times[seen.body] += 1
        kind = EVENTS if streamed else JSON
        answer = Due(
            pieces=pieces,
            streamed=streamed,
            headers={"content-type": kind, **kept},
            times=self._times[seen.body],
        )
        _, marked, fault = str(seen.json.get("model", "")).partition(MARK)
        before = out.reusable
        await (FAULTS[fault] if marked else well)(answer, out)
        if fault in {"silent", "hung"} and before and not out.reusable:
            self.left.append(seen)


Spoken = Callable[[Seen], tuple[bytes, ...]]


def _chat(seen: Seen) -> tuple[bytes, ...]:
    asked = seen.json
    said = say(seen.body, chat.wish(asked))
    return _turn(asked, chat.completion(asked, said), chat.stream(chat.chunks(asked, said)))


def _text(seen: Seen) -> tuple[bytes, ...]:
    asked = seen.json
    said = say(seen.body, chat.wish({**asked, "messages": [{"content": asked["prompt"]}]}))
    return _turn(asked, chat.text_completion(asked, said), chat.stream(chat.text_chunks(asked, said)))


def _responses(seen: Seen) -> tuple[bytes, ...]:
    asked = seen.json
    said = say(seen.body, responses.wish(asked))
    return _turn(asked, responses.response(asked, said), responses.stream(asked, said))


def _messages(seen: Seen) -> tuple[bytes, ...]:
    asked = seen.json
    said = say(seen.body, messages.wish(asked))
    return _turn(asked, messages.message(asked, said), messages.stream(asked, said))


def _count(seen: Seen) -> tuple[bytes, ...]:
    return _whole({"input_tokens": len(seen.body)})


SPOKEN: dict[str, Spoken] = {
    "/chat/completions": _chat,
    "/completions": _text,
    "/responses": _responses,
    "/messages": _messages,
    "/messages/count_tokens": _count,
    "/embeddings": lambda seen: _whole(_embeddings(seen.json)),
}


def due(seen: Seen) -> tuple[bytes, ...] | None:
    """Give the pieces of the right answer; None: there is no such thing."""
    path = seen.path.removeprefix("/v1").rstrip("/")
    if seen.method == "GET":
        return _whole(_listing(path)) if path.startswith("/models") else None
    return SPOKEN[path](seen) if path in SPOKEN else None


def _turn(asked: dict[str, Any], whole: Any, pieces: Iterator[bytes]) -> tuple[bytes, ...]:
    return tuple(pieces) if asked.get("stream") is True else _whole(whole)


def _whole(value: Any) -> tuple[bytes, ...]:
    return (json.dumps(value, ensure_ascii=False, indent=1).encode(),)


def _listing(path: str) -> Any:
    models = [
        {"id": name, "object": "model", "created": chat.CREATED, "owned_by": "mock", "type": "model"}
        for name in MODELS
    ]
    one = path.removeprefix("/models").strip("/")
    if one:
        return next((model for model in models if model["id"] == one), models[0])
    return {"object": "list", "data": models, "has_more": False, "first_id": MODELS[0], "last_id": MODELS[-1]}


def _embeddings(asked: dict[str, Any]) -> Any:
    given = asked.get("input", "")
    inputs = given if isinstance(given, list) else [given]
    data = []
    for index, text in enumerate(inputs):
        digest = hashlib.sha256(json.dumps(text).encode()).digest()
        vector = [byte / 256 for byte in digest[:DIMENSIONS]]
        packed = base64.b64encode(struct.pack(f"<{DIMENSIONS}f", *vector)).decode()
        shown = packed if asked.get("encoding_format") == "base64" else vector
        data.append({"object": "embedding", "index": index, "embedding": shown})
    usage = {"prompt_tokens": len(inputs), "total_tokens": len(inputs)}
    return {"object": "list", "model": asked.get("model"), "data": data, "usage": usage}
