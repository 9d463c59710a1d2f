"""Every request that any client made, sent again byte by byte: the raw answers, direct and through. Knows no client."""

from __future__ import annotations

import asyncio
import http.client
from collections.abc import Iterable
from dataclasses import dataclass
from urllib.parse import urlsplit

from .compare import Difference
from .mock import Mock, Seen
from .mock.faults import MARK

# Of the connection, or ours and documented (docs/gateway.md, "Headers").
NOT_COMPARED = frozenset(
    ["connection", "content-length", "date", "keep-alive", "server", "transfer-encoding"]
)
OURS = "x-stillhouse-"
ENDLESS = ("hung", "silent")
TIMEOUT_S = 20
_SHOWN = 200


@dataclass(frozen=True, kw_only=True)
class Raw:
    """One answer as it was received."""

    status: int
    headers: tuple[tuple[str, str], ...]
    body: bytes


@dataclass(frozen=True, kw_only=True)
class Replayed:
    """What became of all of them."""

    requests: int
    bytes: int  # of answers compared
    different: list[Difference]


async def replay(seen: Iterable[Seen], mock: Mock, gateway: str) -> Replayed:
    """Send each different request once to both."""
    distinct = {(one.method, one.target, one.body): one for one in seen if not _endless(one)}
    different, size = [], 0
    for one in distinct.values():
        answers = []
        for url in (mock.url, gateway):
            mock.begin()
            answers.append(await asyncio.to_thread(send, one, url))
        size += len(answers[0].body)
        for name in ("status", "headers", "body"):
            sides = [getattr(answer, name) for answer in answers]
            if sides[0] != sides[1]:
                where = f"{name} of {one.method} {one.target} {one.json.get('model', '')}"
                shown = [repr(side)[:_SHOWN] for side in sides]
                different.append(Difference(where=where, direct=shown[0], through=shown[1]))
    return Replayed(requests=len(distinct), bytes=size, different=different)


def send(seen: Seen, url: str) -> Raw:
    """Send a request as it was, and read all of its answer."""
    connection = http.client.HTTPConnection(urlsplit(url).netloc, timeout=TIMEOUT_S)
    headers = {name: value for name, value in seen.headers if name not in {"host", "connection"}}
    headers["accept-encoding"] = "identity"
    try:
        connection.request(seen.method, seen.target, body=seen.body or None, headers=headers)
        answer = connection.getresponse()
        body = answer.read()
        kept = sorted((name.lower(), value) for name, value in answer.getheaders())
    finally:
        connection.close()
    told = tuple(pair for pair in kept if pair[0] not in NOT_COMPARED and not pair[0].startswith(OURS))
    return Raw(status=answer.status, headers=told, body=body)


def _endless(seen: Seen) -> bool:
    return str(seen.json.get("model", "")).partition(MARK)[2] in ENDLESS
